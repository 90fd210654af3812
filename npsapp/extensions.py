"""The extensions, created here without an application and bound in `create_app`."""

from functools import cached_property
from typing import Any

from babel.support import NullTranslations
from flask import g, has_app_context
from flask_babel import Babel, Domain, format_decimal
from flask_login import LoginManager
from flask_wtf import CSRFProtect


class Words(Domain):
    """The catalogs, each read once; the number of a plural is written as the language writes it: 11,000 or 11 000.

    Inside a block that speaks a language without a catalog, the words people typed for it (`i18n.speaking`).
    """

    def get_translations(self) -> NullTranslations:
        typed: NullTranslations | None = g.get("typed_words") if has_app_context() else None
        return typed or super().get_translations()

    def ngettext(self, singular: str, plural: str, num: int, **variables: Any) -> str:
        values = {"num": format_decimal(num), **variables}
        return str(self.get_translations().ungettext(singular, plural, num) % values)


class Speech(Babel):
    """Flask-Babel, which by itself would open the catalogs anew for every request."""

    @cached_property
    def domain_instance(self) -> Words:
        return Words(domain=self.domain)


login_manager = LoginManager()
csrf = CSRFProtect()
babel = Speech()
