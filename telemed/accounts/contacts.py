"""How people reach us and we find them: e-mail addresses and phone numbers in one normal form; pure."""

import re
import unicodedata

from telemed.errors import Invalid

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
"""E.164: a plus, a country code, 15 digits at most."""


def normal(contact: str) -> str:
    """The one form of a contact, however it is typed.

    Raises:
        Invalid: neither an e-mail address nor an international phone number.
    """
    text = unicodedata.normalize("NFKC", contact).strip()
    phone = re.sub(r"[\s().-]", "", text)
    if _PHONE.fullmatch(phone):
        return phone
    if len(text) <= 254 and _EMAIL.fullmatch(text):
        return text.casefold()
    raise Invalid(
        "Write an e-mail address, or a phone number that begins with + and the country.",
        fields=[{"pointer": "/contact", "message": "An e-mail address, or a phone number such as +254 700 000000."}],
    )
