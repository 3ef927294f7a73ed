"""The canonical form of a JSON value, written from the rule alone, and the ids made from it.

Keys sorted, members that are null left out, one spelling for each number, no white space; strings
are escaped only where JSON demands it. Numbers are exact, and spelled as ECMAScript spells them.
"""

import decimal
import hashlib
import json


def canonical(value):
    """The canonical text of a value whose numbers are `Decimal`."""
    if isinstance(value, dict):
        members = sorted((name, member) for name, member in value.items() if member is not None)
        return "{" + ",".join(f"{quoted(n)}:{canonical(m)}" for n, m in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(element) for element in value) + "]"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, decimal.Decimal):
        return number(value)
    raise TypeError(f"not a JSON value: {value!r}")


def quoted(text):
    return json.dumps(text, ensure_ascii=False)


def number(value):
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    exponent += len(text) - len(text.rstrip("0"))
    text = text.rstrip("0")
    if not text:
        return "0"
    point = exponent + len(text)  # so many digits stand before the point
    if 0 < point <= 21:
        spelled = text[:point].ljust(point, "0")
        if len(text) > point:
            spelled += "." + text[point:]
    elif -6 < point <= 0:
        spelled = "0." + "0" * -point + text
    else:
        spelled = text[0] + ("." + text[1:] if len(text) > 1 else "") + f"e{point - 1:+d}"
    return "-" * sign + spelled


def content_id(value):
    """The id of a record that has none of its own."""
    return "sha256:" + hashlib.sha256(canonical(value).encode("utf-8")).hexdigest()


PARENT = "_parent_id"


def record_id(value, key, version="none", parent=None):
    """The id of a record in a dataset of this key: a field at the record's top, or several of them
    in a list, where one further down is written as `/itens/numeroItem` and `_parent_id` stands
    for the parent's id. `version` is `none`, `content`, or a field."""
    keys = [key] if isinstance(key, str) else key
    parts = [parent if one == PARENT else scalar_text(value, one) for one in keys]
    if version not in ("none", "content"):
        parts.append(scalar_text(value, version))
    if None in parts:
        return content_id(value)
    stamp = None if version in ("none", "content") else parts.pop()
    one = parts[0] if len(parts) == 1 else "|".join(map(escaped, parts))
    if version == "content":
        stamp = content_id(value).removeprefix("sha256:")
    return one if stamp is None else f"{one}@{stamp}"


def escaped(part):
    return part.replace("\\", "\\\\").replace("|", "\\|")


def scalar_text(value, field):
    """The text of a scalar that an id may be made of, None where there is no such."""
    for name in field.removeprefix("/").split("/"):
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, decimal.Decimal):
        text = format(value, "f")
        if decimal.Decimal(text).as_tuple() != value.as_tuple():
            raise NotImplementedError(f"an id goes by a number's text, and {value} may have several")
        return text
    return value if isinstance(value, str) and value.strip() else None
