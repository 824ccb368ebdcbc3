"""`/scim/v2`: what identity providers push to."""
