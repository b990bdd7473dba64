"""Package repositories say of which type they are and where."""

from provisioner.site.findings import WARNING, Rule

CODE = "PR3007"
TITLE = "Package Repository"
SEVERITY = WARNING
REMEDY = "Give the repository repo_type (apt or rpm) and url, and only keys of the schema."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)
_KEYS = frozenset({"repo_type", "url", "arches", "distributions", "components", "subrepos",
                   "gpgkey", "options"})


def check(site):
    for region in site.regions.values():
        for name, given in region.repositories.items():
            place = site.at("Region", region.name, "repositories", name)
            missing = [key for key in ("repo_type", "url") if not given.get(key)]
            if missing:
                yield _RULE.finding(f"repository {name} has no {' and no '.join(missing)}", place)
            unknown = sorted(set(given) - _KEYS)
            if unknown:
                yield _RULE.finding(f"repository {name} has unknown keys {', '.join(unknown)}",
                                    place)
