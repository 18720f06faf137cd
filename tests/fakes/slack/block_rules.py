"""Block Kit's numbers and names: which elements go where, and what each block may have.

https://docs.slack.dev/reference/block-kit
"""

from __future__ import annotations

MAX_MESSAGE_BLOCKS = 50
MAX_VIEW_BLOCKS = 100
MAX_BLOCKS_TEXT = 12_000  # all text of a message's blocks together: msg_blocks_too_long beyond

INPUTS = {
    "plain_text_input",
    "email_text_input",
    "url_text_input",
    "number_input",
    "datepicker",
    "timepicker",
    "datetimepicker",
    "static_select",
    "external_select",
    "users_select",
    "conversations_select",
    "channels_select",
    "multi_static_select",
    "multi_external_select",
    "multi_users_select",
    "multi_conversations_select",
    "multi_channels_select",
    "checkboxes",
    "radio_buttons",
    "rich_text_input",
    "file_input",
}
NOT_IN_ACTIONS = {
    "plain_text_input",
    "email_text_input",
    "url_text_input",
    "number_input",
    "file_input",
    "image",
}
INTERACTIVE = (INPUTS - {"file_input"}) | {"button", "overflow", "workflow_button"}
MODAL_ONLY = {"email_text_input", "url_text_input", "number_input", "file_input", "plain_text_input"}


# What else than its type and id each may have; kinds that are not here are not looked into.
BLOCK_KEYS = {
    "section": {"text", "fields", "accessory", "expand"},
    "header": {"text"},
    "divider": set[str](),
    "actions": {"elements"},
    "context": {"elements"},
    "image": {"alt_text", "image_url", "slack_file", "title"},
    "input": {"label", "element", "hint", "optional", "dispatch_action"},
    "markdown": {"text"},
}
_MENU = {"placeholder", "confirm", "focus_on_load", "options", "option_groups"}
_ENTRY = {"placeholder", "initial_value", "focus_on_load", "dispatch_action_config"}
ELEMENT_KEYS = {
    "button": {"text", "value", "url", "style", "confirm", "accessibility_label"},
    "overflow": {"options", "confirm"},
    "static_select": _MENU | {"initial_option"},
    "multi_static_select": _MENU | {"initial_options", "max_selected_items"},
    "radio_buttons": {"options", "initial_option", "confirm", "focus_on_load"},
    "checkboxes": {"options", "initial_options", "confirm", "focus_on_load"},
    "plain_text_input": _ENTRY | {"multiline", "min_length", "max_length"},
    "email_text_input": _ENTRY,
    "url_text_input": _ENTRY,
    "number_input": _ENTRY | {"is_decimal_allowed", "min_value", "max_value"},
    "users_select": {"placeholder", "initial_user", "confirm", "focus_on_load"},
}
VIEW_KEYS = frozenset(
    {
        "type",
        "title",
        "blocks",
        "close",
        "submit",
        "private_metadata",
        "callback_id",
        "clear_on_close",
        "notify_on_close",
        "external_id",
        "submit_disabled",
    }
)
