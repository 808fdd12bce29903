# SPDX-License-Identifier: GPL-2.0
"""What scripts/debian-packages promises for days on which Debian's mirror is not whole, with a
mirror of the tests' own.  They run in the build root, as it does."""

import collections
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from .mirror import CUT, DAY, HANG, HOLD, REFUSE, STALL, Mirror, Package, deb, file_name, suite_files

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/debian-packages"
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

Result = collections.namedtuple("Result", "status out err")


def l1(busybox, s390_tools):
    return [
        Package("busybox-static", busybox),
        Package("s390-tools", s390_tools, depends="libc6 (>= 2.4)"),
        Package("libc6", "2.41-12"),
    ]


def l1_taken(packages):
    return [package for package in packages if package.name != "libc6"]


L1 = {"trixie": l1("1:1.37.0-6+b3", "2.35.0-1"), "bookworm": l1("1:1.35.0-4+b3", "2.16.0-2+b1")}


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


def qemu_taken(packages):
    return [package for package in packages if package.name != "qemu-utils"]


QEMU = {
    suite: qemu(version, libc)
    for suite, version, libc in (
        ("bookworm", "1:7.2+dfsg-7", "2.36-9"),
        ("trixie", "1:10.0.3+ds-0+deb13u1", "2.41-12+deb13u5"),
        ("forky", "1:10.1.0+ds-5", "2.42-1"),
        ("sid", "1:10.1.0+ds-6", "2.42-1"),
    )
}


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
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)


class Case(unittest.TestCase):
    suites = L1

    @classmethod
    def setUpClass(cls):
        cls.archive = archive(cls.suites)

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        base = pathlib.Path(temporary.name)
        self.parent = base / "packages"
        self.parent.mkdir()
        self.folder = self.parent / "folder"
        self.cache = base / "cache"
        self.settings = base / "apt.conf"
        self.settings.write_text(APT_SETTINGS)
        self.mirror = Mirror(self.archive)
        self.addCleanup(self.mirror.close)

    def start(self, which, **settings):
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
            [SCRIPT, which, self.folder],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.addCleanup(script.stdout.close)
        self.addCleanup(script.stderr.close)
        self.addCleanup(script.wait)
        self.addCleanup(end, script.pid)
        return script

    def finish(self, script):
        try:
            out, err = script.communicate(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            end(script.pid)
            out, err = script.communicate()
            self.fail(f"the script has not ended after {LIMIT_SECONDS} s: {out}{err}\n{self.logs()}")
        return Result(script.returncode, out, err)

    def first_line(self, script):
        """The first line that a script prints, if it has printed something by the limit."""
        readable, _, _ = select.select([script.stdout], [], [], LIMIT_SECONDS)
        return script.stdout.readline() if readable else ""

    def run_script(self, which, **settings):
        return self.finish(self.start(which, **settings))

    def logs(self):
        return "\n".join(path.read_text(errors="replace") for path in self.cache.glob("log/*.log"))

    def assert_taken(self, result, suite, packages):
        """All is from this suite, byte for byte, and nothing else is there."""
        self.assertEqual(result.status, 0, f"{result.out}{result.err}\n{self.logs()}")
        first, *lines = (self.folder / "taken").read_text().splitlines()
        self.assertEqual(first, suite)
        self.assertCountEqual(lines, [f"{name} {version} {arch}" for name, version, arch, *_ in packages])
        files = [path for path in self.folder.iterdir() if path.name != "taken"]
        self.assertEqual([path.name for path in files if path.suffix != ".deb"], [])
        self.assertCountEqual([path.read_bytes() for path in files], map(deb, packages))
        self.assertEqual(list(self.parent.iterdir()), [self.folder])

    def assert_told(self, result, suite, what, instead):
        """Two lines, one after the other: what was missing and where; what was taken instead."""
        lines = [line.strip() for line in result.out.splitlines()]
        told = [number for number, line in enumerate(lines) if line.startswith(f"{suite}: ")]
        self.assertEqual(len(told), 1, result.out)
        missing, taken = lines[told[0] : told[0] + 2]
        self.assertRegex(missing, what)
        self.assertIn(self.mirror.url, missing)
        self.assertIn(f"{TRIES} tries", missing)
        self.assertRegex(taken, f"^taken from {instead} instead: ")
        for package in self.suites[instead]:
            if package.name in ("busybox-static", "s390-tools", "qemu-system-s390x"):
                self.assertIn(f"{package.name} {package.version}", taken)

    def assert_nothing_told(self, result):
        self.assertNotIn("instead", result.out)
        self.assertEqual(result.err, "")

    def assert_failed(self, result, missing):
        """The message says what was missing in each suite and what to do, and nothing is left."""
        self.assertEqual(result.status, 1, result.err)
        for suite, what in missing.items():
            self.assertRegex(result.err, rf"(?m)^ *{suite}: .*{what}.*{TRIES} tries")
        self.assertIn("VFIO_CCW_MIRROR=", result.err)
        self.assertIn("VFIO_CCW_SUITES=", result.err)
        self.assertEqual(list(self.parent.iterdir()), [])


class Faults(Case):
    """Of single packages, without what they depend on."""

    def test_the_first_suite_of_a_whole_mirror_is_taken(self):
        result = self.run_script("l1")
        self.assert_taken(result, "trixie", l1_taken(L1["trixie"]))
        self.assert_nothing_told(result)
        self.assertEqual(self.mirror.count("*bookworm*"), 0)

    def test_a_full_folder_is_not_fetched_again(self):
        self.folder.mkdir()
        (self.folder / "taken").write_text("as it was\n")
        result = self.run_script("l1")
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual(self.mirror.requests, [])
        self.assertEqual([path.read_text() for path in self.folder.iterdir()], ["as it was\n"])

    def test_without_one_package_all_is_of_the_next_suite(self):
        # The other package of trixie can be had, and is of no use.
        self.mirror.lose("pool/*/busybox-static_1.37*")
        result = self.run_script("l1")
        self.assert_taken(result, "bookworm", l1_taken(L1["bookworm"]))
        self.assert_told(result, "trixie", "busybox-static_.*1.37.*404", "bookworm")
        self.assertEqual(self.mirror.count("*/busybox-static_1.37*"), TRIES)

    def test_what_is_not_asked_for_may_be_missing(self):
        self.mirror.lose("*/libc6_*")
        self.assert_taken(self.run_script("l1"), "trixie", l1_taken(L1["trixie"]))

    def test_a_file_that_is_cut_short_is_not_taken(self):
        self.mirror.fail("*/s390-tools_2.35*", CUT)
        result = self.run_script("l1")
        self.assert_taken(result, "bookworm", l1_taken(L1["bookworm"]))
        self.assert_told(result, "trixie", "s390-tools_2.35", "bookworm")
        self.assertGreaterEqual(self.mirror.count("*/s390-tools_2.35*"), TRIES)

    def test_a_file_that_is_cut_short_once_is_fetched_again(self):
        self.mirror.fail("*/s390-tools_2.35*", CUT, 1)
        result = self.run_script("l1")
        self.assert_taken(result, "trixie", l1_taken(L1["trixie"]))
        self.assert_nothing_told(result)

    def test_a_file_that_is_not_the_one_of_the_index_is_not_taken(self):
        self.mirror.spoil("*/s390-tools_2.35*")
        result = self.run_script("l1")
        self.assert_taken(result, "bookworm", l1_taken(L1["bookworm"]))
        self.assert_told(result, "trixie", "s390-tools_2.35.*Hash Sum mismatch", "bookworm")

    def test_an_index_that_is_not_the_one_of_the_release_is_not_taken(self):
        self.mirror.spoil("dists/trixie/*/Packages.xz")
        result = self.run_script("l1")
        self.assert_taken(result, "bookworm", l1_taken(L1["bookworm"]))
        self.assert_told(result, "trixie", "Packages.xz.*Hash Sum mismatch", "bookworm")

    def test_an_expired_suite_is_not_taken(self):
        self.mirror.files |= suite_files("trixie", L1["trixie"], valid_for=-DAY)
        result = self.run_script("l1")
        self.assert_taken(result, "bookworm", l1_taken(L1["bookworm"]))
        self.assert_told(result, "trixie", "expired|not valid", "bookworm")

    def test_a_suite_that_the_mirror_does_not_have_is_passed_over(self):
        self.mirror.lose("dists/trixie/*")
        result = self.run_script("l1")
        self.assert_taken(result, "bookworm", l1_taken(L1["bookworm"]))
        self.assert_told(result, "trixie", "404|does not have a Release", "bookworm")

    def test_a_mirror_that_does_not_answer_is_left_in_time(self):
        # With more patience than it is told to have, the script does not end in time.  One try is
        # enough to see that, in which apt asks twice; then the file is missing.
        self.mirror.fail("*/busybox-static_1.37*", HANG, 2)
        self.mirror.lose("*/busybox-static_1.37*")
        result = self.run_script("l1", VFIO_CCW_TIMEOUT="1")
        self.assert_taken(result, "bookworm", l1_taken(L1["bookworm"]))
        self.assert_told(result, "trixie", "busybox-static_.*1.37", "bookworm")

    def test_what_is_refused_and_then_served_is_taken(self):
        self.mirror.fail("dists/trixie/*/Packages.xz", REFUSE, 1)
        self.mirror.fail("*/busybox-static_1.37*", REFUSE, 1)
        result = self.run_script("l1")
        self.assert_taken(result, "trixie", l1_taken(L1["trixie"]))
        self.assert_nothing_told(result)
        self.assertEqual(self.mirror.count("*/busybox-static_1.37*"), 2)

    def test_there_is_a_pause_before_the_next_try(self):
        self.mirror.fail("*/busybox-static_1.37*", REFUSE, 1)
        started = time.monotonic()
        result = self.run_script("l1", VFIO_CCW_PAUSE="1.5")
        self.assertGreater(time.monotonic() - started, 1.5)
        self.assert_taken(result, "trixie", l1_taken(L1["trixie"]))

    def test_a_mirror_that_is_updated_between_two_tries_gives_the_new_packages_only(self):
        newer = l1("1:1.37.0-7", "2.35.0-1")
        self.mirror.refuse_then_update("*/s390-tools_2.35*", archive({"trixie": newer}))
        self.assert_taken(self.run_script("l1"), "trixie", l1_taken(newer))

    def test_without_any_suite_the_message_helps_and_nothing_is_left(self):
        self.mirror.lose("*/busybox-static_1.37*")
        self.mirror.lose("*/s390-tools_2.16*")
        result = self.run_script("l1", VFIO_CCW_SUITES="trixie bookworm")
        self.assert_failed(result, {"trixie": "busybox-static_.*404", "bookworm": "s390-tools_2.16.*404"})
        self.assertIn(self.mirror.url, result.err)

    def test_named_suites_replace_the_list(self):
        result = self.run_script("l1", VFIO_CCW_SUITES="bookworm")
        self.assert_taken(result, "bookworm", l1_taken(L1["bookworm"]))
        self.assert_nothing_told(result)
        self.assertEqual(self.mirror.count("*trixie*"), 0)

    def test_without_a_mirror_the_message_helps_and_nothing_is_left(self):
        with socket.socket() as taken:
            # Nobody listens at a port that is bound only, and nobody else gets it.
            taken.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{taken.getsockname()[1]}/debian"
            result = self.run_script("l1", VFIO_CCW_MIRROR=url, VFIO_CCW_SUITES="trixie bookworm")
        why = "(refused|connect)"
        self.assert_failed(result, {"trixie": why, "bookworm": why})
        self.assertIn(url, result.err)

    def test_what_is_no_mirror_is_refused_at_once(self):
        for setting, value in (
            ("VFIO_CCW_MIRROR", "nonsense"),
            ("VFIO_CCW_MIRROR", "127.0.0.1/debian"),
            ("VFIO_CCW_MIRROR", "http://"),
            ("VFIO_CCW_MIRROR", f"{self.mirror.url} extra"),
            ("VFIO_CCW_SUITES", "../trixie"),
        ):
            with self.subTest(value):
                self.mirror.requests.clear()
                # A try more would take too long.
                result = self.run_script("l1", **{setting: value, "VFIO_CCW_PAUSE": str(FOREVER)})
                self.assertEqual(result.status, 1)
                self.assertIn(f"{setting}={value}", result.err)
                self.assertEqual(self.mirror.requests, [])
                self.assertEqual(list(self.parent.iterdir()), [])


class ByHand(Case):
    """Files that somebody has put into the cache because no mirror has them."""

    def put(self, package, content=None):
        """Under its name in the pool, as people fetch it."""
        folder = self.cache / "by-hand"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file_name(package)).write_bytes(content or deb(package))

    def test_what_the_mirror_lacks_is_taken_from_there(self):
        # Its name in the pool is not the one that apt gives it: the version has an epoch.
        self.mirror.lose("*/busybox-static_1.37*")
        self.put(L1["trixie"][0])
        result = self.run_script("l1")
        self.assert_taken(result, "trixie", l1_taken(L1["trixie"]))
        self.assert_nothing_told(result)

    def test_what_is_not_of_the_set_stays_there(self):
        self.put(L1["trixie"][2])
        self.assert_taken(self.run_script("l1"), "trixie", l1_taken(L1["trixie"]))

    def test_what_is_of_another_suite_stays_there(self):
        self.put(L1["trixie"][1])
        self.assert_taken(self.run_script("l1", VFIO_CCW_SUITES="bookworm"), "bookworm", l1_taken(L1["bookworm"]))

    def test_what_does_not_fit_the_index_is_not_taken(self):
        whole = deb(L1["trixie"][1])
        for content in (whole[:100], bytes(byte ^ 1 for byte in whole)):
            self.put(L1["trixie"][1], content)
            self.assert_taken(self.run_script("l1"), "trixie", l1_taken(L1["trixie"]))
            shutil.rmtree(self.folder)


class DependenciesByHand(Case):
    suites = QEMU
    put = ByHand.put

    def test_a_dependency_that_the_mirror_lacks_is_taken_from_there(self):
        self.mirror.lose("*/libc6_2.41-12+deb13u5_*")
        self.put(QEMU["trixie"][5])
        self.assert_taken(self.run_script("qemu"), "trixie", qemu_taken(QEMU["trixie"]))

    def test_a_dependency_that_does_not_fit_the_index_is_not_taken(self):
        self.put(QEMU["trixie"][5], bytes(byte ^ 1 for byte in deb(QEMU["trixie"][5])))
        self.assert_taken(self.run_script("qemu"), "trixie", qemu_taken(QEMU["trixie"]))


class Interrupted(Case):
    """By what cannot be caught."""

    def stop_in_the_middle(self):
        """A script of which one file is complete and half of the other has come."""
        self.mirror.fail("*/s390-tools_2.35*", STALL, 1)
        script = self.start("l1")
        self.mirror.wait_for("*/s390-tools_2.35*")
        return script

    def assert_completes(self, suite="trixie"):
        self.assertFalse(self.folder.exists())
        second = self.start("l1", VFIO_CCW_SUITES=suite)
        # It may have to wait for what is left of the first.
        self.first_line(second)
        self.mirror.released.set()
        self.assert_taken(self.finish(second), suite, l1_taken(L1[suite]))

    def test_killed_with_all_that_it_has_started(self):
        script = self.stop_in_the_middle()
        end(script.pid)
        self.assertEqual(script.wait(), -signal.SIGKILL)
        self.assert_completes()

    def test_killed_and_another_suite_taken(self):
        end(self.stop_in_the_middle().pid)
        self.assert_completes("bookworm")

    def test_killed_alone(self):
        script = self.stop_in_the_middle()
        os.killpg(script.pid, signal.SIGKILL)
        self.assertEqual(script.wait(), -signal.SIGKILL)
        self.assert_completes()

    def test_what_an_interrupted_run_left_is_not_mixed_in(self):
        # From just before the end: all was complete, but for the name of the folder.
        left = self.parent / "folder.new"
        left.mkdir()
        for package in L1["bookworm"]:
            (left / file_name(package)).write_bytes(deb(package))
        self.assert_taken(self.run_script("l1"), "trixie", l1_taken(L1["trixie"]))

    def test_ended_by_its_user(self):
        # A job that runs in the background may ignore SIGINT, and what it starts does then, too.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                self.mirror.requests.clear()
                script = self.stop_in_the_middle()
                os.killpg(script.pid, number)
                result = self.finish(script)
                self.assertNotEqual(result.status, 0)
                self.assertEqual(list(self.parent.iterdir()), [])
                self.assertEqual(self.mirror.count("*bookworm*"), 0)


class Together(Case):
    def test_two_at_once_fetch_once(self):
        self.mirror.fail("*/busybox-static_1.37*", HOLD)
        first = self.start("l1")
        self.mirror.wait_for("*/busybox-static_1.37*")
        second = self.start("l1")
        self.assertRegex(self.first_line(second), "^waiting for another build")
        self.mirror.released.set()
        for script in (first, second):
            self.assert_taken(self.finish(script), "trixie", l1_taken(L1["trixie"]))
        self.assertEqual(self.mirror.count("*/busybox-static_1.37*"), 1)


class Dependencies(Case):
    """Of packages with all that they depend on."""

    suites = QEMU

    def test_all_that_a_package_depends_on_is_taken_and_no_more(self):
        result = self.run_script("qemu")
        self.assert_taken(result, "trixie", qemu_taken(QEMU["trixie"]))
        self.assert_nothing_told(result)

    def test_without_a_dependency_all_is_of_the_next_suite(self):
        # As on the day on which this was written.
        self.mirror.lose("*/libc6_2.41-12+deb13u5_*")
        result = self.run_script("qemu")
        self.assert_taken(result, "forky", qemu_taken(QEMU["forky"]))
        self.assert_told(result, "trixie", r"libc6_2.41-12\+deb13u5.*404", "forky")

    def test_a_dependency_that_no_index_has_is_missing(self):
        self.mirror.files |= suite_files("trixie", [one for one in QEMU["trixie"] if one.name != "libc6"])
        result = self.run_script("qemu")
        self.assert_taken(result, "forky", qemu_taken(QEMU["forky"]))
        self.assert_told(result, "trixie", "libc6|held broken packages|[Uu]nmet|[Uu]nable", "forky")

    def test_a_qemu_that_is_too_old_is_never_taken(self):
        self.mirror.lose("*/libc6_2.4[12]*")
        result = self.run_script("qemu")
        self.assert_failed(result, {"trixie": "libc6_2.41.*404", "forky": "libc6_2.42.*404", "sid": ""})
        self.assertEqual(self.mirror.count("*bookworm*"), 0)
