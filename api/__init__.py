"""REST, server-sent events and the page: `create_app(...)`."""
