"""Agents answer from Slack: a conversation is a thread, a reply in it goes to the customer."""
