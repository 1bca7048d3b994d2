"""Looks every locked package up in the advisory database. Status 1 for a known vulnerability; where the service does
not answer, a line says so, since "nothing found" and "nothing asked" must not look the same."""

import json
import subprocess
import sys


def main(lock: str) -> int:
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "-r",
        lock,
        "--disable-pip",
        "--require-hashes",
        "--progress-spinner=off",
    ]
    done = subprocess.run([*command, "--format=json"], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        print(f"NOT AUDITED: the advisory service does not answer: {lines[-1]}")
        return 0
    skipped = [package for package in packages if "skip_reason" in package]
    bad = [(package, found) for package in packages for found in package.get("vulns", [])]
    for package, found in bad:
        fixed = ", ".join(found["fix_versions"]) or "nothing yet"
        print(f"VULNERABLE: {package['name']} {package['version']}: {found['id']}, fixed in {fixed}")
    looked_up = len(packages) - len(skipped)
    print(f"{looked_up} of {len(packages)} packages looked up, {len(bad)} known vulnerabilities")
    if skipped:
        print(f"NOT AUDITED: the advisory service does not know or does not serve {len(skipped)} packages")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
