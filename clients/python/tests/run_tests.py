"""Runs a module of unittest cases and writes their results as JUnit XML.

Usage: run_tests.py MODULE
The XML goes to $XML_OUTPUT_FILE, from which Bazel and bazel/count_tests.py know
the cases one by one.
"""

import os
import sys
import time
import unittest
import xml.etree.ElementTree as xml


class JUnitResult(unittest.TextTestResult):
    """Also keeps one <testcase> element for each case."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.cases = []

    def startTest(self, test):
        super().startTest(test)
        kind, name = type(test), test.id().rsplit(".", 1)[-1]
        self._case = xml.Element(
            "testcase", name=name, classname=kind.__qualname__, status="run"
        )
        self.cases.append(self._case)
        self._began = time.monotonic()

    def stopTest(self, test):
        self._case.set("time", f"{time.monotonic() - self._began:.3f}")
        super().stopTest(test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._note(test, "failure", self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self._note(test, "error", self.errors[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            text = self._exc_info_to_string(err, subtest)
            self._note(test, "failure", f"{subtest}\n{text}")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._case.set("status", "notrun")
        self._case.set("result", "skipped")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._note(test, "failure", "succeeded against expectation")

    def _note(self, test, kind, text):
        if not isinstance(test, unittest.TestCase):
            # setUpClass and its like fail outside any case.
            self._case = xml.Element(
                "testcase", name=str(test), classname="setup"
            )
            self.cases.append(self._case)
        xml.SubElement(self._case, kind, message=text.splitlines()[-1]).text = (
            text
        )

    def write(self, path, name):
        failed = len(self.failures) + len(self.unexpectedSuccesses)
        suite = xml.Element(
            "testsuite",
            name=name,
            tests=str(len(self.cases)),
            failures=str(failed),
            errors=str(len(self.errors)),
        )
        suite.extend(self.cases)
        root = xml.Element("testsuites")
        root.append(suite)
        xml.ElementTree(root).write(
            path, encoding="utf-8", xml_declaration=True
        )


def main():
    module = sys.argv[1]
    suite = unittest.defaultTestLoader.loadTestsFromName(module)
    runner = unittest.TextTestRunner(resultclass=JUnitResult, verbosity=2)
    result = runner.run(suite)
    if "XML_OUTPUT_FILE" in os.environ:
        result.write(os.environ["XML_OUTPUT_FILE"], module)
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main())
