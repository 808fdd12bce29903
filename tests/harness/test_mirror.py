# SPDX-License-Identifier: GPL-2.0
"""What scripts/debian-packages promises for days on which Debian's mirror is not whole, with a
mirror of the tests' own.  They run in the build root, as it does."""

import contextlib
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import time

from .in_folder import InFolder
from .mirror import CUT, DAY, HANG, HOLD, REFUSE, STALL, Mirror, Package, deb, file_name, spoilt, suite_files
from .paths import TOP

SCRIPT = TOP / "scripts/debian-packages"
TRIES = 3
# None of the tests is about speed: what takes so long has waited for something in vain.
LIMIT_SECONDS = 60
FOREVER = 1000

# Nothing of the tests' archive is signed; and what the build root has from the host, for example
# that dates do not matter, is not to be seen.
APT_SETTINGS = """\
Acquire::AllowInsecureRepositories "1";
APT::Get::AllowUnauthenticated "1";
Dir::Etc::Parts "/dev/null";
Dir::Etc::Main "/dev/null";
"""


def l1(busybox, s390_tools):
    return [
        Package("busybox-static", busybox),
        Package("s390-tools", s390_tools, depends="libc6 (>= 2.4)"),
        Package("libc6", "2.41-12"),
    ]


def qemu(version, libc):
    return [
        Package("qemu-system-s390x", version, depends="libc6, qemu-system-data (>= 1:7)", recommends="qemu-utils"),
        Package("qemu-system-data", version, "all"),
        Package("mdevctl", "1.4.0-1", depends="libc6"),
        Package("driverctl", "0.115-2", "all", depends="bash"),
        Package("bash", f"5.2-{libc}", depends="libc6"),
        Package("libc6", libc),
        Package("qemu-utils", version),
    ]


L1 = {"trixie": l1("1:1.37.0-6+b3", "2.35.0-1"), "bookworm": l1("1:1.35.0-4+b3", "2.16.0-2+b1")}
QEMU = {
    "bookworm": qemu("1:7.2+dfsg-7", "2.36-9"),
    "trixie": qemu("1:10.0.3+ds-0+deb13u1", "2.41-12+deb13u5"),
    "forky": qemu("1:10.1.0+ds-5", "2.42-1"),
    "sid": qemu("1:10.1.0+ds-6", "2.42-1"),
}
# What of the packages of a suite is not asked for: without what it depends on, and without what it recommends.
NOT_WANTED = {"l1": "libc6", "qemu": "qemu-utils"}
# Names of files of trixie.
BUSYBOX, TOOLS, LIBC = "*/busybox-static_1.37*", "*/s390-tools_2.35*", "*/libc6_2.41-12+deb13u5_*"


def archive(suites):
    files = {}
    for suite, packages in suites.items():
        files |= suite_files(suite, packages)
    return files


def processes(session):
    """The live processes of a session, which a script and all that it has started are."""
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, number = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue  # it has just ended
        if int(number) == session and state not in "ZX":
            yield int(path.parent.name)


def end(session):
    """Kill all that is left of a session."""
    until = time.monotonic() + LIMIT_SECONDS
    while left := list(processes(session)):
        if time.monotonic() > until:
            raise TimeoutError(f"processes {left} do not end")
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.01)


class Case(InFolder):
    which, suites = "l1", L1

    def setUp(self):
        super().setUp()
        self.cache, self.settings = self.folder / "cache", self.folder / "apt.conf"
        self.parent = self.folder / "packages"
        self.parent.mkdir()
        self.target = self.parent / "target"
        self.settings.write_text(APT_SETTINGS)
        self.mirror = self.enterContext(contextlib.closing(Mirror(archive(self.suites))))

    def start(self, **settings):
        """Run the script in a session of its own, with nothing of the environment but PATH."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.cache.parent),
            "LANG": "C.UTF-8",
            "VFIO_CCW_IN_ROOT": "1",
            "VFIO_CCW_CACHE": str(self.cache),
            "VFIO_CCW_MIRROR": self.mirror.url,
            "VFIO_CCW_PAUSE": "0",
            "VFIO_CCW_TIMEOUT": str(LIMIT_SECONDS),
            "APT_CONFIG": str(self.settings),
        } | settings
        script = subprocess.Popen(
            [SCRIPT, self.which, self.target], env=environment, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.enterContext(script)
        self.addCleanup(end, script.pid)
        return script

    def finish(self, script):
        try:
            out, err = script.communicate(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            end(script.pid)
            out, err = script.communicate()
            self.fail(f"the script has not ended after {LIMIT_SECONDS} s: {out}{err}\n{self.logs()}")
        return subprocess.CompletedProcess(script.args, script.returncode, out, err)

    def first_line(self, script):
        """The first line that a script prints, if it has printed something by the limit."""
        readable, _, _ = select.select([script.stdout], [], [], LIMIT_SECONDS)
        return script.stdout.readline() if readable else ""

    def run_script(self, **settings):
        return self.finish(self.start(**settings))

    def put(self, package, content=None):
        """Have a file in the cache by hand, under its name in the pool, as people fetch it."""
        folder = self.cache / "by-hand"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file_name(package)).write_bytes(content or deb(package))

    def logs(self):
        return "\n".join(path.read_text(errors="replace") for path in self.cache.glob("log/*.log"))

    def assert_taken(self, result, suite="trixie", packages=None):
        """All that is wanted is from this suite, byte for byte, and nothing else is there."""
        packages = [one for one in packages or self.suites[suite] if one.name != NOT_WANTED[self.which]]
        self.assertEqual(result.returncode, 0, f"{result.stdout}{result.stderr}\n{self.logs()}")
        first, *lines = (self.target / "taken").read_text().splitlines()
        self.assertEqual(first, suite)
        self.assertCountEqual(lines, [f"{name} {version} {arch}" for name, version, arch, *_ in packages])
        files = [path for path in self.target.iterdir() if path.name != "taken"]
        self.assertEqual([path.name for path in files if path.suffix != ".deb"], [])
        self.assertCountEqual([path.read_bytes() for path in files], map(deb, packages))
        self.assertEqual(list(self.parent.iterdir()), [self.target])

    def assert_quietly_taken(self, result, *taken):
        """The first suite that was asked for has it all, and no other is told of."""
        self.assert_taken(result, *taken)
        self.assertNotIn("instead", result.stdout)
        self.assertEqual(result.stderr, "")

    def assert_taken_instead(self, result, what, instead):
        """All is from another suite than trixie, and two lines tell what was missing, and what was taken."""
        self.assert_taken(result, instead)
        ((missing, taken),) = re.findall(
            rf"^ *trixie: (.*)\n *taken from {instead} instead: (.*)$", result.stdout, re.M
        )
        self.assertRegex(missing, what)
        self.assertIn(f"({self.mirror.url}, {TRIES} tries)", missing)
        for package in self.suites[instead]:
            if package.name in ("busybox-static", "s390-tools", "qemu-system-s390x"):
                self.assertIn(f"{package.name} {package.version}", taken)

    def assert_failed(self, result, missing):
        """The message says what was missing in each suite and what to do, and nothing is left."""
        self.assertEqual(result.returncode, 1, result.stderr)
        for suite, what in missing.items():
            self.assertRegex(result.stderr, rf"(?m)^ *{suite}: .*{what}.*{TRIES} tries")
        self.assertIn("VFIO_CCW_MIRROR=", result.stderr)
        self.assertIn("VFIO_CCW_SUITES=", result.stderr)
        self.assertEqual(list(self.parent.iterdir()), [])


class Faults(Case):
    """Of single packages, without what they depend on."""

    def test_the_first_suite_of_a_whole_mirror_is_taken(self):
        self.assert_quietly_taken(self.run_script())
        self.assertEqual(self.mirror.count("*bookworm*"), 0)

    def test_a_full_folder_is_not_fetched_again(self):
        self.target.mkdir()
        (self.target / "taken").write_text("as it was\n")
        self.assertEqual(self.run_script().returncode, 0)
        self.assertEqual(self.mirror.requests, [])
        self.assertEqual([path.read_text() for path in self.target.iterdir()], ["as it was\n"])

    def test_with_one_fault_all_is_of_the_next_suite(self):
        expired = suite_files("trixie", L1["trixie"], valid_for=-DAY)
        index, suite = "dists/trixie/*/Packages.xz", "dists/trixie/*"
        for fault, told, asked_for in (
            # The other package of trixie can be had, and is of no use.
            (lambda mirror: mirror.lose("pool/" + BUSYBOX), "busybox-static_.*1.37.*404", BUSYBOX),
            (lambda mirror: mirror.fail(TOOLS, CUT), "s390-tools_2.35", TOOLS),
            (lambda mirror: mirror.spoil(TOOLS), "s390-tools_2.35.*Hash Sum mismatch", TOOLS),
            (lambda mirror: mirror.spoil(index), "Packages.xz.*Hash Sum mismatch", index),
            (lambda mirror: mirror.files.update(expired), "expired|not valid", suite),
            (lambda mirror: mirror.lose(suite), "404|does not have a Release", suite),
        ):
            with self.subTest(told):
                self.setUp()
                fault(self.mirror)
                self.assert_taken_instead(self.run_script(), told, "bookworm")
                self.assertGreaterEqual(self.mirror.count(asked_for), TRIES)

    def test_what_is_no_fault_is_not_told(self):
        for fault, requests in (
            (lambda mirror: mirror.lose("*/libc6_*"), 1),  # It is not asked for.
            (lambda mirror: mirror.fail(BUSYBOX, CUT, 1), 2),
            (lambda mirror: mirror.fail(BUSYBOX, REFUSE, 1), 2),
            (lambda mirror: mirror.fail("dists/trixie/*/Packages.xz", REFUSE, 1), 1),
        ):
            with self.subTest(fault=fault):
                self.setUp()
                fault(self.mirror)
                self.assert_quietly_taken(self.run_script())
                self.assertEqual(self.mirror.count(BUSYBOX), requests)

    def test_a_mirror_that_does_not_answer_is_left_in_time(self):
        # With more patience than it is told to have, the script does not end in time.  One try is
        # enough to see that, in which apt asks twice; then the file is missing.
        self.mirror.fail(BUSYBOX, HANG, 2)
        self.mirror.lose(BUSYBOX)
        self.assert_taken_instead(self.run_script(VFIO_CCW_TIMEOUT="1"), "busybox-static_.*1.37", "bookworm")

    def test_there_is_a_pause_before_the_next_try(self):
        self.mirror.fail(BUSYBOX, REFUSE, 1)
        started = time.monotonic()
        result = self.run_script(VFIO_CCW_PAUSE="1.5")
        self.assertGreater(time.monotonic() - started, 1.5)
        self.assert_taken(result)

    def test_a_mirror_that_is_updated_between_two_tries_gives_the_new_packages_only(self):
        newer = l1("1:1.37.0-7", "2.35.0-1")
        self.mirror.refuse_then_update(TOOLS, suite_files("trixie", newer))
        self.assert_taken(self.run_script(), "trixie", newer)

    def test_without_any_suite_the_message_helps_and_nothing_is_left(self):
        self.mirror.lose(BUSYBOX)
        self.mirror.lose("*/s390-tools_2.16*")
        result = self.run_script(VFIO_CCW_SUITES="trixie bookworm")
        self.assert_failed(result, {"trixie": "busybox-static_.*404", "bookworm": "s390-tools_2.16.*404"})
        self.assertIn(self.mirror.url, result.stderr)

    def test_named_suites_replace_the_list(self):
        self.assert_quietly_taken(self.run_script(VFIO_CCW_SUITES="bookworm"), "bookworm")
        self.assertEqual(self.mirror.count("*trixie*"), 0)

    def test_without_a_mirror_the_message_helps_and_nothing_is_left(self):
        with socket.socket() as taken:
            # Nobody listens at a port that is bound only, and nobody else gets it.
            taken.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{taken.getsockname()[1]}/debian"
            result = self.run_script(VFIO_CCW_MIRROR=url, VFIO_CCW_SUITES="trixie bookworm")
        self.assert_failed(result, dict.fromkeys(("trixie", "bookworm"), "(refused|connect)"))
        self.assertIn(url, result.stderr)

    def test_what_is_no_mirror_is_refused_at_once(self):
        for setting, value in (
            ("VFIO_CCW_MIRROR", "nonsense"),
            ("VFIO_CCW_MIRROR", "127.0.0.1/debian"),
            ("VFIO_CCW_MIRROR", "http://"),
            ("VFIO_CCW_MIRROR", f"{self.mirror.url} extra"),
            ("VFIO_CCW_SUITES", "../trixie"),
        ):
            with self.subTest(value):
                # A try more would take too long.
                result = self.run_script(**{setting: value, "VFIO_CCW_PAUSE": str(FOREVER)})
                self.assertEqual(result.returncode, 1)
                self.assertIn(f"{setting}={value}", result.stderr)
                self.assertEqual(self.mirror.requests, [])
                self.assertEqual(list(self.parent.iterdir()), [])


class ByHand(Case):
    """Files that somebody has put into the cache because no mirror has them."""

    def test_what_the_mirror_lacks_is_taken_from_there(self):
        # Its name in the pool is not the one that apt gives it: the version has an epoch.
        self.mirror.lose(BUSYBOX)
        self.put(L1["trixie"][0])
        self.assert_quietly_taken(self.run_script())

    def test_what_is_not_wanted_stays_there(self):
        for number, suite in ((2, "trixie"), (1, "bookworm")):  # not of the set; of another suite
            with self.subTest(suite):
                self.setUp()
                self.put(L1["trixie"][number])
                self.assert_quietly_taken(self.run_script(VFIO_CCW_SUITES=suite), suite)

    def test_what_does_not_fit_the_index_is_not_taken(self):
        whole = deb(L1["trixie"][1])
        for content in (whole[:100], spoilt(whole)):
            with self.subTest(len(content)):
                self.setUp()
                self.put(L1["trixie"][1], content)
                self.assert_quietly_taken(self.run_script())


class Interrupted(Case):
    """By what cannot be caught."""

    def stop_in_the_middle(self):
        """A script of which one file is complete and half of the other has come."""
        self.mirror.fail(TOOLS, STALL, 1)
        script = self.start()
        self.mirror.wait_for(TOOLS)
        return script

    def assert_completes(self, suite="trixie"):
        self.assertFalse(self.target.exists())
        second = self.start(VFIO_CCW_SUITES=suite)
        # It may have to wait for what is left of the first.
        self.first_line(second)
        self.mirror.released.set()
        self.assert_taken(self.finish(second), suite)

    def test_killed(self):
        for how, suite in (
            (end, "trixie"),  # with all that it has started
            (end, "bookworm"),
            (lambda pid: os.killpg(pid, signal.SIGKILL), "trixie"),  # alone
        ):
            with self.subTest(how=how, suite=suite):
                self.setUp()
                script = self.stop_in_the_middle()
                how(script.pid)
                self.assertEqual(script.wait(), -signal.SIGKILL)
                self.assert_completes(suite)

    def test_what_an_interrupted_run_left_is_not_mixed_in(self):
        # From just before the end: all was complete, but for the name of the folder.
        left = self.parent / "target.new"
        left.mkdir()
        for package in L1["bookworm"]:
            (left / file_name(package)).write_bytes(deb(package))
        self.assert_taken(self.run_script())

    def test_ended_by_its_user(self):
        # A job that runs in the background may ignore SIGINT, and what it starts does then, too.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                self.setUp()
                script = self.stop_in_the_middle()
                os.killpg(script.pid, number)
                self.assertNotEqual(self.finish(script).returncode, 0)
                self.assertEqual(list(self.parent.iterdir()), [])
                self.assertEqual(self.mirror.count("*bookworm*"), 0)

    def test_two_at_once_fetch_once(self):
        self.mirror.fail(BUSYBOX, HOLD)
        first = self.start()
        self.mirror.wait_for(BUSYBOX)
        second = self.start()
        self.assertRegex(self.first_line(second), "^waiting for another build")
        self.mirror.released.set()
        for script in (first, second):
            self.assert_taken(self.finish(script))
        self.assertEqual(self.mirror.count(BUSYBOX), 1)


class Dependencies(Case):
    """Of packages with all that they depend on."""

    which, suites = "qemu", QEMU

    def test_all_that_a_package_depends_on_is_taken_and_no_more(self):
        self.assert_quietly_taken(self.run_script())

    def test_without_a_dependency_all_is_of_the_next_suite(self):
        incomplete = suite_files("trixie", [one for one in QEMU["trixie"] if one.name != "libc6"])
        for fault, told in (
            (lambda mirror: mirror.lose(LIBC), r"libc6_2.41-12\+deb13u5.*404"),
            # No index has it.
            (lambda mirror: mirror.files.update(incomplete), "libc6|held broken packages|[Uu]nmet|[Uu]nable"),
        ):
            with self.subTest(told):
                self.setUp()
                fault(self.mirror)
                self.assert_taken_instead(self.run_script(), told, "forky")

    def test_a_dependency_that_was_put_by_hand(self):
        libc = QEMU["trixie"][5]
        for is_lost, content in ((True, deb(libc)), (False, spoilt(deb(libc)))):
            with self.subTest(is_lost):
                self.setUp()
                if is_lost:
                    self.mirror.lose(LIBC)
                self.put(libc, content)
                self.assert_quietly_taken(self.run_script())

    def test_a_qemu_that_is_too_old_is_never_taken(self):
        self.mirror.lose("*/libc6_2.4[12]*")
        result = self.run_script()
        self.assert_failed(result, {"trixie": "libc6_2.41.*404", "forky": "libc6_2.42.*404", "sid": ""})
        self.assertEqual(self.mirror.count("*bookworm*"), 0)
