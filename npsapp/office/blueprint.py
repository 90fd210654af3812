"""The one blueprint of the office: every page that needs several rooms hangs onto it."""

from npsapp.web.access import Room

bp = Room("office", __name__, template_folder="templates")
