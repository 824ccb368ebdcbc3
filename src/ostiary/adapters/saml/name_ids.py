"""The subject of a message: a NameID, or an EncryptedID that holds one (SAML core §2.2)."""

from lxml import etree

from ostiary.adapters.saml import guard
from ostiary.adapters.saml.decryption import decrypt, failed
from ostiary.adapters.saml.xml import ENCRYPTED_ID, Element, local_name
from ostiary.domain.assertion import Reason, ResponseRefused
from ostiary.services.saml_ports import Trust


def reveal_name_id(parent: Element, trust: Trust) -> bool:
    """Put the NameID in the place of the EncryptedID among the element's children; answers whether there was one.

    The element must come from verified bytes: what is decrypted was signed. Raises `ResponseRefused`.
    """
    encrypted = parent.findall(ENCRYPTED_ID)
    if not encrypted:
        return False
    if len(encrypted) > 1:
        raise ResponseRefused(Reason.STRUCTURE, f"The {local_name(parent)} has more than one EncryptedID.")
    try:
        plaintext = decrypt(encrypted[0], trust.decryption_keys, allow_cbc=trust.allow_aes_cbc)
        parent.replace(encrypted[0], guard.parse_decrypted_id(plaintext, encrypted[0]))
    except etree.XMLSyntaxError:
        raise failed() from None
    return True
