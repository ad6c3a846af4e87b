"""Checks the messages of a file against the models of Slack's SDK for Python: each block is known, within its limits, and
the same after a round trip."""

import json
import sys
from collections.abc import Iterator

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.attachments import BlockAttachment
from slack_sdk.models.blocks import Block

# Limits that the models do not check.
MAX_TEXT = 3000
MAX_ATTACHED_BLOCKS = 20
MAX_BLOCKS = 50


def faults_of(payload: dict) -> Iterator[str]:
    attachments = payload.get("attachments", [])
    attached = [attachment.get("blocks", []) for attachment in attachments]
    if any(len(blocks) > MAX_ATTACHED_BLOCKS for blocks in attached):
        yield "too many blocks in an attachment"
    blocks = payload.get("blocks", []) + [block for some in attached for block in some]
    if len(blocks) > MAX_BLOCKS:
        yield "too many blocks"
    for attachment in attachments:
        attached_blocks = Block.parse_all(attachment["blocks"])
        model = BlockAttachment(blocks=attached_blocks, color=attachment["color"], fallback=payload["text"])
        model.validate_json()
    for block in blocks:
        yield from faults_of_block(block)


def faults_of_block(block: dict) -> Iterator[str]:
    model = Block.parse(block)
    if model is None or type(model) is Block:
        yield f"unknown block: {block}"
        return
    try:
        model.validate_json()
        if model.to_dict() != block:
            yield f"changed by a round trip: {block} to {model.to_dict()}"
    except SlackObjectFormationError as error:
        yield f"{error}: {block}"
    yield from faults_of_texts(block)


def faults_of_texts(node: object) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from faults_of_texts(item)
    elif isinstance(node, dict):
        text = node.get("text")
        if isinstance(text, str) and not 0 < len(text) <= MAX_TEXT:
            yield f"a text of {len(text)} characters: {node}"
        for member in node.values():
            yield from faults_of_texts(member)


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        payloads = json.load(file)
    long_header = {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}
    assert list(faults_of({"blocks": [long_header]})), "the models accept a header that is too long"
    faults = [fault for payload in payloads for fault in faults_of(payload)]
    for fault in faults:
        print(fault)
    print(f"{len(payloads)} messages, {len(faults)} faults by slack_sdk")
    sys.exit(1 if faults or not payloads else 0)


main()
