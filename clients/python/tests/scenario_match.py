"""What fits in a scenario: tests/contract/README.md, in Python."""

# Fields that differ from run to run: compared only where a scenario names them.
INCIDENTAL = {"revision", "epoch", "commitTime", "origin"}


def substitute(json, variables):
    """Returns `json` with "$name" and "$name+5" replaced."""
    if isinstance(json, dict):
        return {name: substitute(v, variables) for name, v in json.items()}
    if isinstance(json, list):
        return [substitute(item, variables) for item in json]
    if isinstance(json, str) and json.startswith("$$"):
        return json[1:]
    if isinstance(json, str) and json.startswith("$"):
        name, _, plus = json[1:].partition("+")
        if not plus:
            return variables[name]
        return str(int(variables[name]) + int(plus))
    return json


def mismatch(expected, actual, variables, where="answer", inside_json=False):
    """Returns the first difference, or None."""
    if isinstance(expected, str):
        return _mismatch_text(expected, actual, variables, where)
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name, value in expected.items():
            at = f"{where}.{name}"
            if name not in actual:
                return f"{at}: expected {value!r}, got nothing, in {actual!r}"
            difference = mismatch(
                value, actual[name], variables, at, inside_json or name == "json"
            )
            if difference:
                return difference
        for name, value in actual.items():
            if name in expected or (not inside_json and name in INCIDENTAL):
                continue
            return f"{where}.{name}: expected nothing, got {value!r}"
        return None
    if isinstance(expected, list) and isinstance(actual, list):
        for i, (want, have) in enumerate(zip(expected, actual)):
            difference = mismatch(
                want, have, variables, f"{where}[{i}]", inside_json
            )
            if difference:
                return difference
        if len(expected) != len(actual):
            return f"{where}: expected {len(expected)} items, got {len(actual)}"
        return None
    # In Python, True is 1.
    same_kind = isinstance(expected, bool) == isinstance(actual, bool)
    if same_kind and expected == actual:
        return None
    return f"{where}: expected {expected!r}, got {actual!r}"


def _mismatch_text(expected, actual, variables, where):
    if expected == "$any":
        return None
    if expected.startswith("$>"):
        bound = variables[expected[2:]]
        if isinstance(actual, str) and int(actual) > int(bound):
            return None
        return f"{where}: expected more than {bound}, got {actual!r}"
    wanted = substitute(expected, variables)
    if wanted == actual:
        return None
    return f"{where}: expected {wanted!r}, got {actual!r}"
