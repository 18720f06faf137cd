"""The web chat: a page, a script tag, and a public protocol (docs/web-chat-protocol.md)."""
