"""Drives the published WhyLabs client of v0 and prints what it made of the answers."""

import json
import os
import sys

import whylabs_client
from whylabs_client.api import api_key_api

configuration = whylabs_client.Configuration(host=os.environ["BASE_URL"])
configuration.api_key["ApiKeyAuth"] = os.environ["API_KEY"]
organization = "org-7Kd3mQ"


def failure(call):
    try:
        call()
    except whylabs_client.ApiException as error:
        return [error.status, error.body]


with whylabs_client.ApiClient(configuration) as client:
    api = api_key_api.ApiKeyApi(client)
    made = api.create_api_key(
        organization,
        "ann",
        expiration_time=4102444800000,
        scopes=[":user", ":administrator"],
        alias="nightly & daily",
    )
    bare = api.create_api_key(organization, "ann")
    listed = api.list_api_keys(organization)
    found = api.get_api_key(organization, made.key_id)
    revoked = api.revoke_api_key(organization, "ann", made.key_id)
    json.dump(
        {
            "made": made.to_dict(),
            "bare": bare.to_dict(),
            "listed": [item.to_dict() for item in listed["items"]],
            "found": found.key.to_dict(),
            "revoked": revoked.to_dict(),
            "of_user": [item.to_dict() for item in api.list_api_keys(organization, user_id="ann")["items"]],
            "gone": api.get_api_key(organization, made.key_id).to_dict(),
            "wrong_scope": failure(lambda: api.create_api_key(organization, "ann", scopes=[":nothing"])),
            "wrong_user": failure(lambda: api.revoke_api_key(organization, "bob", made.key_id)),
        },
        sys.stdout,
    )
