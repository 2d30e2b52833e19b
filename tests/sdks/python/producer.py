"""A service in Python that writes raw-events itself, by an older version of the schema.

Takes a JSON array of events from its standard input and writes them in the ENCODING "confluent"
(confluent-kafka's AvroSerializer) or "single-object" (fastavro). The last line of its output tells,
as JSON, where each came to stand and the id of the schema that wrote it.
"""

import io
import json
import os
import sys
from pathlib import Path

import fastavro
from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from fastavro.schema import fingerprint, to_parsing_canonical_form

TOPIC = "raw-events"
SUBJECT = f"{TOPIC}-value"
OLDER = (Path(__file__).parent / "older-raw-events.avsc").read_text()


def by_confluent(registry):
    serializer = AvroSerializer(registry, OLDER)
    context = SerializationContext(TOPIC, MessageField.VALUE)
    return lambda event: serializer(event, context)


def by_single_object(registry):
    registry.register_schema(SUBJECT, Schema(OLDER, "AVRO"))
    schema = fastavro.parse_schema(json.loads(OLDER))
    front = b"\xc3\x01" + bytes.fromhex(
        fingerprint(to_parsing_canonical_form(json.loads(OLDER)), "CRC-64-AVRO")
    )

    def serialize(event):
        datum = io.BytesIO()
        fastavro.schemaless_writer(datum, schema, event)
        return front + datum.getvalue()

    return serialize


def main():
    registry = SchemaRegistryClient({"url": os.environ["REGISTRY_URL"]})
    encodings = {"confluent": by_confluent, "single-object": by_single_object}
    serialize = encodings[os.environ["ENCODING"]](registry)
    producer = Producer({"bootstrap.servers": os.environ["KAFKA"], "enable.idempotence": True})
    delivered = []

    def on_delivery(error, message):
        if error is not None:
            sys.exit(f"not delivered: {error}")
        delivered.append({"partition": message.partition(), "offset": message.offset()})

    for event in json.load(sys.stdin):
        producer.produce(
            TOPIC, key=event["message_id"], value=serialize(event), on_delivery=on_delivery
        )
        producer.poll(0)
    waiting = producer.flush(60)
    if waiting:
        sys.exit(f"{waiting} events were not delivered")
    schema_id = registry.lookup_schema(SUBJECT, Schema(OLDER, "AVRO")).schema_id
    print(json.dumps({"schema_id": schema_id, "delivered": delivered}))


main()
