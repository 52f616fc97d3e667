"""Drives the published WhyLabs client of v1 and prints what it made of the answers."""

import json
import os
import sys

import whylabs_client
from whylabs_client.api import api_key_api

configuration = whylabs_client.Configuration(host=os.environ["BASE_URL"])
configuration.api_key["ApiKeyAuth"] = os.environ["API_KEY"]

with whylabs_client.ApiClient(configuration) as client:
    api = api_key_api.ApiKeyApi(client)
    made = api.generate_api_key(scopes=[":user"], alias="nightly")
    listed = api.list_api_key_metadata()
    configuration.api_key["ApiKeyAuth"] = made.key
    api.validate_api_key()
    configuration.api_key["ApiKeyAuth"] = os.environ["API_KEY"]
    revoked = api.delete_api_key(made.key_id)
    configuration.api_key["ApiKeyAuth"] = made.key
    try:
        api.validate_api_key()
        refused = None
    except whylabs_client.ApiException as error:
        refused = error.status
    json.dump(
        {
            "made": made.to_dict(),
            "listed": [item.to_dict() for item in listed["items"]],
            "revoked": revoked.to_dict(),
            "refused": refused,
        },
        sys.stdout,
    )
