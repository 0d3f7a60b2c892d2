"""What is done to a row, here and under CPython."""

import re
from datetime import date, timedelta

PHONE = re.compile(r"(?:\+41|0041|0)\s*(?:\(0\))?(\d{2})[\s./-]*(\d{3})[\s./-]*(\d{2})[\s./-]*(\d{2})")


def phone_number(text):
    """A phone number in one form; what is not a phone number stays as it is."""
    match = PHONE.fullmatch(text)
    if not match:
        return text
    area, exchange, first, last = match.groups()
    return f"+41 {area} {exchange} {first} {last}"


def due_date(joined):
    """30 days later, or on the Monday that follows."""
    due = date.fromisoformat(joined) + timedelta(days=30)
    while due.weekday() >= 5:
        due += timedelta(days=1)
    return due.isoformat()
