"""The one blueprint of the surveys' pages."""

from flask import Blueprint

bp = Blueprint("surveys", __name__, url_prefix="/surveys", template_folder="templates")
