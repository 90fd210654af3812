"""What all tables have in common: column types by Python's types, names of constraints, a number for each row."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, registry

from npsapp.driver import UtcDateTime
from npsapp.lib.texts import underscored


class Base(DeclarativeBase):
    """Base of all tables. Constraint names are spelled out by convention, so migrations can find them."""

    @declared_attr.directive
    def __tablename__(cls) -> str:
        """The name of the class in lower case: `UserRegion` is `user_region`."""
        return underscored(cls.__name__)

    registry = registry(
        type_annotation_map={
            datetime: UtcDateTime,
            dict[str, str]: JSON,
            dict[str, Any]: JSON,
            list[Any]: JSON,
            list[str]: JSON,
            str: String,
        }
    )
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Numbered(Base):
    """Base of tables whose rows are told apart by a number."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(primary_key=True)
