"""Licences as CycloneDX wants them: identifiers of SPDX where there is one, and names otherwise."""

import re

from .errors import Missing

# The licences that occur in Debian's copyright files, by the names that are used there in lower
# case (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/), with their SPDX
# identifiers. Any other one keeps its name.
SPDX = {
    "apache-2.0": "Apache-2.0",
    "artistic": "Artistic-1.0-Perl",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-4-clause-uc": "BSD-4-Clause-UC",
    "curl": "curl",
    "expat": "MIT",
    "fsfullr": "FSFULLR",
    "gpl-1+": "GPL-1.0-or-later",
    "gpl-2": "GPL-2.0-only",
    "gpl-2+": "GPL-2.0-or-later",
    "gpl-3": "GPL-3.0-only",
    "gpl-3+": "GPL-3.0-or-later",
    "isc": "ISC",
    "lgpl-2": "LGPL-2.0-only",
    "lgpl-2+": "LGPL-2.0-or-later",
    "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-2.1+": "LGPL-2.1-or-later",
    "lgpl-3": "LGPL-3.0-only",
    "lgpl-3+": "LGPL-3.0-or-later",
    "mit": "MIT",
    "mpl-2.0": "MPL-2.0",
    "openldap-2.8": "OLDAP-2.8",
    "oldap-2.8": "OLDAP-2.8",
    "postgresql": "PostgreSQL",
    "x11": "X11",
    "zlib": "Zlib",
}

# Sentences of a licence's text that no other licence has, in one line and lower case.
TEXTS = [
    ("apache license version 2.0, january 2004", "Apache-2.0"),
    ("permission is hereby granted, free of charge, to any person", "MIT"),
    ("neither the name of the copyright holder nor the names", "BSD-3-Clause"),
]
RUNTIME_EXCEPTION = "runtime library exception to the apache 2.0 license"


def named(name):
    """The entry of a licence by a name in Debian's style, or by its SPDX identifier."""
    if name in SPDX.values():
        return {"license": {"id": name}}
    known = SPDX.get(name.lower())
    return {"license": {"id": known} if known else {"name": name}}


def expression(text):
    """The entry for an expression of SPDX, as `Apache-2.0 WITH Swift-exception`."""
    return {"expression": text}


def of_text(path):
    """The entry of the licence whose text is in a file."""
    text = " ".join(path.read_text(encoding="utf-8").split()).lower()
    for sentence, identifier in TEXTS:
        if sentence in text:
            if identifier == "Apache-2.0" and RUNTIME_EXCEPTION in text:
                return expression("Apache-2.0 WITH Swift-exception")
            return named(identifier)
    raise Missing(f"{path} has a licence that scripts/sbom does not know: add it to TEXTS")


def of_copyright(path):
    """The entries of the licences that a Debian package's copyright file names.

    The file covers the whole source package: some of the licences are those of files that are in no
    library, such as build scripts.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    names = re.findall(r"(?m)^License:[ \t]*(\S.*?)[ \t]*$", text)
    if not names:
        # Older files are free text.
        return [{"license": {"name": f"as in {path}"}}]
    found = {}
    for name in names:
        for part in re.split(r"\s+(?:and|or)\s+|,\s*", name):
            entry = named(part)
            found.setdefault(tuple(entry["license"].values()), entry)
    return [found[key] for key in sorted(found)]
