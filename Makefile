# SPDX-License-Identifier: GPL-2.0
# For people.  The kernel's make reads Kbuild.

.PHONY: help demo demo-qemu demo-hercules demo-linux-on-dasd test test-all conformance scenario bench \
	bench-profile fuzz fuzz-device coverage cost mutations torture figures module doctor install uninstall in-tree \
	packages host-kernel doc rust-analyzer clean clean-cache

help:
	@echo 'make demo      build all that is needed, boot an s390x Linux in QEMU and run channel'
	@echo '               programs on its subchannels through vfio_ccw; DRIVER=c takes the'
	@echo '               C driver of the kernel tree instead, to compare'
	@echo 'make demo-qemu a guest of an unmodified QEMU, in that Linux, uses its devices through'
	@echo '               vfio_ccw; what is shown is recorded'
	@echo 'make demo-hercules  channel programs on a disk, a tape, a printer and a card reader of the'
	@echo '               emulator Hercules'
	@echo 'make demo-linux-on-dasd  a guest of an unmodified QEMU is IPLed from a disk of Hercules that is'
	@echo '               passed through, and lives there; BACKEND=iommufd, DRIVER=c as above'
	@echo 'make test      formatting, lints, spelling, links, host tests, KUnit and the tests in the'
	@echo '               booted Linux; PARTS="words" runs only the parts with these names, and what'
	@echo '               they need'
	@echo 'make test-all  that, and all that takes longer: hours'
	@echo 'make conformance  the conformance suite alone, on our driver and on the C driver, and a'
	@echo '               table of both; FILTER=words takes the cases with these words in their'
	@echo '               names, DEBUG=1 the kernel with slow checks and our driver (C=1: both);'
	@echo '               EMULATOR=hercules: other cases, on disks and a tape; RECORD=1 keeps what'
	@echo '               the C driver does in tests/conformance/c-driver.json, with which make'
	@echo '               test compares ours (RECORD=add: besides what is there)'
	@echo 'make scenario  a guest of an unmodified QEMU uses passed-through devices; NAME=name takes'
	@echo '               one scenario, BACKEND=container or iommufd one back end;'
	@echo '               EMULATOR=hercules: what is promised for disks and tapes'
	@echo 'make bench     instructions per I/O, of the C driver and of ours'
	@echo 'make bench-profile  where these instructions go: by function, and how often what is'
	@echo '               dear is called'
	@echo 'make fuzz      TARGET=translate SECONDS=60: fuzz a target of tests/fuzz for so long'
	@echo 'make fuzz-device  fuzz the interface of devices in the booted Linux, on the KASAN kernel, with'
	@echo '               coverage of the module: SECONDS=n (as a rule 600), SEED=n as an earlier run'
	@echo '               has told; REPLAY=file runs the sequences of a file again'
	@echo 'make coverage  line coverage of ccwchain, and the lines that no test comes to'
	@echo 'make cost      instructions of a translation, per CCW and IDAW'
	@echo 'make mutations break ccwchain and the state of a subchannel with cargo-mutants, and see'
	@echo '               that the tests notice: hours; FILE=path breaks one file'
	@echo 'make torture   storms on eight devices of the debug kernel: users are killed, devices taken away;'
	@echo '               SECONDS=n (as a rule 1200), DEVICES=n, CPUS=n (as a rule what the machine has),'
	@echo '               SEED=n as an earlier run has told; KASAN=1: on the KASAN kernel'
	@echo 'make figures   sizes, unsafe code and import circles of each crate'
	@echo 'make module    build vfio_ccw.ko for the kernel of the tests (DEBUG=1: the debug kernel,'
	@echo '               KASAN=1: the KASAN kernel); KDIR=/path builds it against a kernel tree of your own'
	@echo 'make doctor    KDIR=/path: name what that kernel lacks to build and load the module, and what'
	@echo '               to do; BTF=/path: compare its headers with another file of BTF'
	@echo 'make install   KDIR=/path: install it for that kernel, in front of the C driver;'
	@echo '               DESTDIR=/path takes another root than /'
	@echo 'make uninstall KDIR=/path: remove it, so that modprobe loads the C driver again'
	@echo 'make in-tree   KDIR=/path: put the driver into that kernel source, as a patch series, which is'
	@echo '               kept in build/in-tree; AUTHOR="Name <address>" signs it off'
	@echo 'make packages  Debian packages, in build/packages: the module for DKMS, and ccw for s390x'
	@echo 'make host-kernel  Debian packages, in build/host-kernel, of a kernel for hosts and of what modules'
	@echo '               are built with: configured as Debian does, with Rust; takes hours, goes on if interrupted'
	@echo 'make doc       rustdoc of all crates that build on a host; prints where it is'
	@echo 'make rust-analyzer  write rust-project.json, for the kernel that make module has built'
	@echo '               for; KDIR=/path: for a kernel tree of your own'
	@echo 'make clean     remove what was built here (not the cache outside of the clone)'
	@echo 'make clean-cache  show what the cache has, and remove what no clone uses any more'
	@echo
	@echo 'Settings: VFIO_CCW_CACHE (directory for build root, kernel and downloads; default'
	@echo '~/.cache/vfio-ccw-rs), VFIO_CCW_MIRROR (Debian mirror), VFIO_CCW_SUITES (releases of'
	@echo 'Debian to take packages from, in this order), JOBS,'
	@echo 'KERNEL_SOURCE or KERNEL_DEB (a kernel tree or linux-source package of your own).'

demo:
	@scripts/harness demo

demo-qemu:
	@scripts/harness demo-qemu

demo-hercules:
	@scripts/harness demo-hercules

demo-linux-on-dasd:
	@scripts/harness demo-linux-on-dasd

test:
	@scripts/harness test $(PARTS)

test-all:
	@scripts/harness test --all $(PARTS)

conformance:
	@scripts/harness conformance

scenario:
	@scripts/harness scenario

bench:
	@scripts/harness bench

bench-profile:
	@scripts/harness bench --profile

fuzz:
	@scripts/harness fuzz run $(TARGET) $(SECONDS)

fuzz-device:
	@scripts/harness fuzz-device $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(REPLAY),--replay $(REPLAY))

coverage:
	@scripts/harness coverage

cost:
	@scripts/harness cost

torture:
	@scripts/harness torture $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(DEVICES),--devices $(DEVICES)) $(if $(CPUS),--processors $(CPUS)) \
		$(if $(KASAN),--kasan $(KASAN))

figures:
	@python3 -B tests/harness/figures.py

mutations:
	@scripts/harness mutations

module:
	@scripts/module

doctor:
	@python3 -B scripts/doctor.py "$(KDIR)"

install:
	@scripts/module install

uninstall:
	@scripts/module uninstall

in-tree:
	@scripts/in-tree

packages:
	@scripts/make-packages

host-kernel:
	@scripts/host-kernel

doc:
	@scripts/doc

rust-analyzer:
	@scripts/rust-analyzer

clean:
	rm -rf build

clean-cache:
	@scripts/clean-cache
