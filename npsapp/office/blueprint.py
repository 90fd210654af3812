"""The one blueprint of the office: every page that needs several rooms hangs onto it."""

from flask import Blueprint

bp = Blueprint("office", __name__, template_folder="templates")
