"""Drives the published client of Arthur's engine and prints what it made of the answers."""

import json
import os
import sys

import arthur_genai_client as arthur

configuration = arthur.Configuration(host=os.environ["BASE_URL"], access_token=os.environ["API_KEY"])


def failure(call):
    try:
        call()
    except arthur.ApiException as error:
        return [error.status, error.body]


with arthur.ApiClient(configuration) as client:
    api = arthur.APIKeysApi(client)
    made = api.create_api_key_auth_api_keys_post(
        arthur.NewApiKeyRequest(description="billing worker", roles=["TASK-ADMIN"])
    )
    bare = api.create_api_key_auth_api_keys_post(arthur.NewApiKeyRequest())
    listed = api.get_all_active_api_keys_auth_api_keys_get()
    found = api.get_api_key_auth_api_keys_api_key_id_get(made.id)
    deactivated = api.deactivate_api_key_auth_api_keys_deactivate_api_key_id_delete(made.id)
    gone = api.get_api_key_auth_api_keys_api_key_id_get(made.id)
    unknown = "00000000-0000-4000-8000-000000000000"
    json.dump(
        {
            "made": json.loads(made.model_dump_json()),
            "bare": json.loads(bare.model_dump_json()),
            "listed": [json.loads(item.model_dump_json()) for item in listed],
            "found": json.loads(found.model_dump_json()),
            "deactivated": deactivated,
            "gone": json.loads(gone.model_dump_json()),
            "unknown": failure(lambda: api.get_api_key_auth_api_keys_api_key_id_get(unknown)),
            "malformed": failure(lambda: api.get_api_key_auth_api_keys_api_key_id_get("nonsense")),
        },
        sys.stdout,
    )
