# Shared by the scripts in this folder. Each sources it first, which also changes to the root of the
# repository.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# All builds of a configuration use the same flags, so that they share one build.
# shellcheck disable=SC2034  # read by the scripts that source this file
swift_flags=(--explicit-target-dependency-import-check error)

# A release contains the Swift runtime: it starts faster, needs 5 MiB less memory, and runs on
# machines without Swift. Accesses that overlap are found by the tests, which run on debug builds:
# the checks at run time are 6 % of the instructions of a cached read.
# shellcheck disable=SC2034
release_flags=(-c release --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked
  "${swift_flags[@]}")

say() { printf '%s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Runs a command as one step of a longer job, and prints how long it took.
steps=()
step() {
  local title=$1 start=$SECONDS
  shift
  printf '\n== %s\n' "$title" >&2
  "$@" || die "$title: failed after $((SECONDS - start)) s"
  printf '== %s: done in %d s\n' "$title" "$((SECONDS - start))" >&2
  steps+=("$(printf '%6d s  %s' "$((SECONDS - start))" "$title")")
}

# Prints all steps with their seconds, the slowest first.
report_steps() { printf '%s\n' "${steps[@]}" | sort --reverse --numeric-sort >&2; }
