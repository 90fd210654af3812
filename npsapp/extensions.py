"""The extensions, created here without an application and bound in `create_app`."""

from functools import cached_property
from typing import Any

from flask_babel import Babel, Domain, format_decimal
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_wtf import CSRFProtect


class Words(Domain):
    """The catalogs, each read once; the number of a plural is written as the language writes it: 11,000 or 11 000."""

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
migrate = Migrate()
