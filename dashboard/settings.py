"""Django's settings, all of them from the environment (docs/configuration.md)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from django.utils.functional import SimpleLazyObject

from dashboard import environment
from dashboard.processes import preflight
from lineage import config

if TYPE_CHECKING:
    from lineage.config import Config

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = environment.data_dir(os.environ)
REDIS_URL = config.secret(os.environ, "REDIS_URL") or "redis://127.0.0.1:6379/0"
LAKE_URL = os.environ.get("PLAYHEAD_LAKE_URL", "")
# Lazy, so that a wrong playhead.yaml is reported by the command that needs it and not as an import error.
PLAYHEAD: Config = SimpleLazyObject(lambda: config.load(os.environ))  # type: ignore[assignment]
PLAYHEAD_ANONYMOUS = os.environ.get("PLAYHEAD_ANONYMOUS") or "none"
PLAYHEAD_OTLP = os.environ.get("PLAYHEAD_OTLP") or "token"
PLAYHEAD_TRUSTED_PROXY = os.environ.get("PLAYHEAD_TRUSTED_PROXY", "")
PUBLIC_URL = preflight.public_url(os.environ)
PLAYHEAD_PORTS = {
    "decode_traces": "collectors.otlp.decode_traces",
    "decode_lineage": "collectors.openlineage.decode_lineage",
    "check_address": "collectors.kafka.check.check_address",
    "ask_records": "collectors.records.ask",
}
PLAYHEAD_STREAM_MAX = 200_000  # observations waiting for the recorder; a longer stream is answered with 429

SECRET_KEY = environment.secret_key(os.environ, DATA_DIR)
DEBUG = False
ALLOWED_HOSTS = environment.allowed_hosts(os.environ)
# Behind HTTPS the origin that a proxy reports is needed; over plain HTTP the Host header says all.
CSRF_TRUSTED_ORIGINS = [f"https://{h}" for h in ALLOWED_HOSTS]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "lineage",
    "dashboard",
]
MIDDLEWARE = [
    "dashboard.middleware.Headers",
    "dashboard.middleware.Static",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
APPEND_SLASH = False
ROOT_URLCONF = "dashboard.urls"
ASGI_APPLICATION = "dashboard.asgi.application"
LOGIN_URL = "/login"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
            ]
        },
    }
]

DATABASES = {"default": environment.database(os.environ, DATA_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# A data directory that holds an opened recording: nothing is recorded into it, and there is no Redis.
RECORDING = environment.recording(DATA_DIR)
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "playhead:channels"},
    }
}
if RECORDING:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {}}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 5_000}}}

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "dashboard" / "static"] if (BASE_DIR / "dashboard" / "static").is_dir() else []
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
WHITENOISE_USE_FINDERS = True  # the build writes into dashboard/static; nothing is collected
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 0  # names carry no hash: the browser asks each time and is answered 304

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "dashboard.pages.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 1 << 20  # forms; the OTLP door counts its own bytes

# The layout's library tells every step of every layout.
QUIET = {name: {"level": "WARNING"} for name in ("rust-sugiyama", "connected_components")}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "filters": {"waiting": {"()": "dashboard.environment.NotReadyIsNoError"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"django.request": {"level": "ERROR", "filters": ["waiting"]}, "httpx": {"level": "WARNING"}, **QUIET},
}

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_IMPORTS = ("collectors.tasks", "dashboard.alerts.deliver", "dashboard.alerts.tasks")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "playhead"
CELERY_TIMEZONE = "UTC"
