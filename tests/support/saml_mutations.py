"""What may be done to the tree of a response: every element dropped, doubled, moved, renamed, wrapped, emptied."""

from collections.abc import Callable

from lxml import etree

from tests.support.saml_factory import SAML, Element, twin

Operation = Callable[[Element, Element], None]
"""Changes the tree at one element, with the help of another."""


def drop(element: Element, _: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def duplicate(element: Element, _: Element) -> None:
    if element.getparent() is not None:
        element.addnext(twin(element))


def move(element: Element, target: Element) -> None:
    if element is not target and element not in target.iterancestors():
        target.append(element)


def copy_into(element: Element, target: Element) -> None:
    target.insert(0, twin(element))


def move_before(element: Element, target: Element) -> None:
    if element is not target and element not in target.iterancestors() and target.getparent() is not None:
        target.addprevious(element)


def rename(element: Element, target: Element) -> None:
    element.tag = target.tag


def rename_foreign(element: Element, _: Element) -> None:
    element.tag = "{urn:evil}Evil"


def take_attributes(element: Element, target: Element) -> None:
    element.attrib.clear()
    element.attrib.update(target.attrib)


def take_text(element: Element, target: Element) -> None:
    element.text = target.text


def wrap(element: Element, target: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        wrapper = etree.Element(target.tag)
        parent.replace(element, wrapper)
        wrapper.append(element)


def wrap_in_an_assertion(element: Element, _: Element) -> None:
    wrap(element, etree.Element(f"{{{SAML}}}Assertion"))


def unwrap(element: Element, _: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        for child in list(element):
            element.addprevious(child)
        parent.remove(element)


def swap_places(element: Element, target: Element) -> None:
    nested = target in element.iterancestors() or element in target.iterancestors()
    if element is target or nested or element.getparent() is None or target.getparent() is None:
        return
    place = etree.Element("place")
    element.addprevious(place)
    target.addprevious(element)
    place.addprevious(target)
    drop(place, place)


def swap_texts(element: Element, target: Element) -> None:
    element.text, target.text = target.text, element.text


def drop_text(element: Element, _: Element) -> None:
    element.text = None


def repeat_text(element: Element, _: Element) -> None:
    element.text = (element.text or "") * 2


def drop_attribute(element: Element, target: Element) -> None:
    if element.attrib:
        names = sorted(element.keys())
        del element.attrib[names[len(target) % len(names)]]


def rename_attribute(element: Element, target: Element) -> None:
    """An attribute gets the name of one that stands elsewhere, so that `ID` may be found where none was."""
    if element.attrib and target.attrib:
        old, new = min(element.keys()), max(target.keys())
        value = element.get(old, "")
        del element.attrib[old]
        element.set(new, value)


def add_attributes(element: Element, target: Element) -> None:
    element.attrib.update(target.attrib)


def qualify_attributes(element: Element, target: Element) -> None:
    """The same attributes again, in the namespace of another element."""
    namespace = etree.QName(target).namespace or "urn:evil"
    for name, value in list(element.attrib.items()):
        element.set(f"{{{namespace}}}{etree.QName(name).localname}", value)


OPERATIONS: list[Operation] = [
    drop,
    duplicate,
    move,
    copy_into,
    move_before,
    rename,
    rename_foreign,
    take_attributes,
    take_text,
    wrap,
    wrap_in_an_assertion,
    unwrap,
    swap_places,
    swap_texts,
    drop_text,
    repeat_text,
    drop_attribute,
    rename_attribute,
    add_attributes,
    qualify_attributes,
]
