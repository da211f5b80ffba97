"""Superset's configuration for a home folder; read by Superset itself, in its own environment.

What belongs here: what differs from Superset's defaults. What does not: secrets, which are files in the home's `bi` folder, made
by `orchestration.bi.server`.
"""

import json
import os
from pathlib import Path

from flask import Blueprint, jsonify
from superset.translations import utils

_FOLDER = Path(os.environ["AVVIK_BI_FOLDER"])

SECRET_KEY = (_FOLDER / "secret_key").read_text(encoding="utf-8").strip()
SQLALCHEMY_DATABASE_URI = f"sqlite:///{_FOLDER / 'superset.db'}"

APP_NAME = "avvik"
APP_ICON = "/static/assets/images/superset-logo-horiz.png"
LANGUAGES = {"sv": {"flag": "se", "name": "Svenska"}, "en": {"flag": "us", "name": "English"}}
BABEL_DEFAULT_LOCALE = "sv"
FAB_ADD_SECURITY_API = False
WTF_CSRF_ENABLED = True
ALEMBIC_SKIP_LOG_CONFIG = True  # or the server's own log falls silent after a set-up
SESSION_COOKIE_SAMESITE = "Strict"
#: A new publication is seen at the next query: nothing is cached.
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}

# Swedish numbers: 1 234 567,89.
D3_FORMAT = {"decimal": ",", "thousands": "\N{NO-BREAK SPACE}", "grouping": [3], "currency": ["", "\N{NO-BREAK SPACE}kr"]}
D3_TIME_FORMAT = {
    "dateTime": "%Y-%m-%d %H:%M:%S",
    "date": "%Y-%m-%d",
    "time": "%H:%M:%S",
    "periods": ["fm", "em"],
    "days": ["söndag", "måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag"],
    "shortDays": ["sön", "mån", "tis", "ons", "tor", "fre", "lör"],
    "months": [
        "januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti", "september", "oktober", "november", "december",
    ],
    "shortMonths": ["jan", "feb", "mar", "apr", "maj", "jun", "jul", "aug", "sep", "okt", "nov", "dec"],
}  # fmt: skip
CURRENCIES = ["SEK"]


def _swedish() -> Blueprint:
    """Return the page that gives Superset's own pages their Swedish words; it ships none. What is not there is in English."""
    words = json.loads((Path(__file__).parent / "swedish.json").read_text(encoding="utf-8"))
    entries = {"": {"domain": "superset", "lang": "sv", "plural_forms": "nplurals=2; plural=(n != 1)"}}
    entries |= {word: forms if isinstance(forms, list) else [forms] for word, forms in words.items()}  # one form, or one and many
    pack = {"domain": "superset", "locale_data": {"superset": entries}}
    utils.ALL_LANGUAGE_PACKS["sv"] = pack
    blueprint = Blueprint("avvik_swedish", __name__)
    blueprint.add_url_rule("/superset/language_pack/sv/", view_func=lambda: jsonify(pack), endpoint="pack")
    return blueprint


BLUEPRINTS = [_swedish()]

# Told apart by the colour-blind too (ColorBrewer): outcome blue, budget grey, forecast orange.
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "avvik",
        "label": "avvik",
        "description": "",
        "isDefault": True,
        "colors": ["#2c7fb8", "#636363", "#d95f0e", "#31a354", "#756bb1", "#bdbdbd"],
    }
]

# Pages load nothing from elsewhere and report nothing there (Superset's defaults allow a tracking pixel and map services).
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
