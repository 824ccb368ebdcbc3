"""Everything that touches pysaml2, lxml and xmlsec."""
