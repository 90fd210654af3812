"""The company: pools, brands, regions, units, performers, segments, holidays."""

from datetime import date, datetime, time

from sqlalchemy import Date, ForeignKey, Index, Time, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from npsapp.db import Numbered, code
from npsapp.organization.rules import StaffLetters


class Setting(Numbered):
    """Base of what is set up once, named in files by its key, and retired instead of deleted."""

    __abstract__ = True

    key: Mapped[str]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class Pool(Numbered):
    """One data controller: persons are matched, quarantined, searched and erased inside one pool."""

    name: Mapped[str]


class Brand(Setting):
    """The name under which customers know the company."""

    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"), index=True)
    key: Mapped[str] = mapped_column(unique=True)
    """Short stable name for files and addresses: lower-case letters, digits, hyphen."""
    name: Mapped[dict[str, str]]
    """Per language, as on the sign over the door."""
    phrase: Mapped[dict[str, str]] = mapped_column(default=dict)
    """Per language, the noun with the name in the accusative: «компанию «Водолад»»; fills {company}."""
    accent: Mapped[str] = mapped_column(default="#1F5FBF")
    group_colours: Mapped[bool] = mapped_column(default=False)
    """Colour the scale of survey and letter by group; neutral is the default, colours lead the answer."""
    logo: Mapped[str] = mapped_column(default="")
    """File name in instance/logos/, or empty: the name is shown."""
    language: Mapped[str] = mapped_column(default="uk")
    languages: Mapped[list[str]] = mapped_column(default=lambda: ["en", "ru", "uk"])
    """In which customers are asked: ISO codes, in the order of the switch on the survey page."""
    timezone: Mapped[str] = mapped_column(default="Europe/Kyiv")
    currency: Mapped[str] = mapped_column(default="UAH")
    contact_email: Mapped[str] = mapped_column(default="")
    """Where customers can write when a survey is closed."""
    postal_address: Mapped[dict[str, str]] = mapped_column(default=dict)
    public_url: Mapped[str] = mapped_column(default="")
    """Own address of letters' and surveys' links, `https://…` without a path; empty: the installation's."""
    public_url_checked_at: Mapped[datetime | None]
    """When this program last answered there; None: not used yet."""
    privacy: Mapped[dict[str, str]] = mapped_column(default=dict)
    """Per language, what the brand adds to its privacy page."""
    staff_letters: Mapped[StaffLetters] = mapped_column(code(StaffLetters, "staff_letters"), default=StaffLetters.FULL)
    """How much letters to colleagues tell of a customer."""
    is_demo: Mapped[bool] = mapped_column(default=False)

    def site(self, ours: str) -> str:
        """Where this brand's links lead: its own address once that was checked, else the installation's (`ours`)."""
        return self.public_url if self.public_url and self.public_url_checked_at else ours


class Region(Setting):
    """A part of the company that one manager answers for; regions form a tree."""

    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"), index=True)
    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[dict[str, str]]
    aliases: Mapped[list[str]] = mapped_column(default=list)
    """Other spellings found in files, folded by `organization.rules.fold`."""
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"), index=True)
    timezone: Mapped[str | None]
    """None: the brand's."""
    language: Mapped[str | None]
    """Language of customers who have none of their own; None: the brand's."""
    workdays: Mapped[str] = mapped_column(default="12345")
    """ISO weekdays on which people work, 1 = Monday."""
    work_from: Mapped[time] = mapped_column(Time, default=time(9))
    work_until: Mapped[time] = mapped_column(Time, default=time(18))


class Unit(Setting):
    """A store, warehouse or branch: the place that is rated. Its key is the folded name by which files find it."""

    __table_args__ = (UniqueConstraint("brand_id", "key"),)

    brand_id: Mapped[int] = mapped_column(ForeignKey("brand.id"))
    name: Mapped[dict[str, str]]
    aliases: Mapped[list[str]] = mapped_column(default=list)
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"), index=True)
    confirmed: Mapped[bool] = mapped_column(default=True)
    """False: made from a file's words and waiting for somebody to look at it."""
    region: Mapped[Region | None] = relationship()


class Performer(Setting):
    """The person who is rated: seller, courier, assembler; need not be a user."""

    __table_args__ = (UniqueConstraint("brand_id", "key"),)

    brand_id: Mapped[int] = mapped_column(ForeignKey("brand.id"))
    name: Mapped[str]
    role: Mapped[str] = mapped_column(default="")
    """The usual role (`seller`, `courier` …), free text."""
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"), index=True)
    confirmed: Mapped[bool] = mapped_column(default=True)


class Segment(Setting):
    """A kind of customers: retail, contractors, projects."""

    __table_args__ = (UniqueConstraint("pool_id", "key"),)

    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    name: Mapped[dict[str, str]]
    aliases: Mapped[list[str]] = mapped_column(default=list)


class Property(Setting):
    """What a company declares about its interactions beyond our columns, such as the way of delivery: a dimension."""

    __table_args__ = (UniqueConstraint("pool_id", "key"),)

    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    name: Mapped[dict[str, str]]
    aliases: Mapped[list[str]] = mapped_column(default=list)
    """Other headings of its column, folded by `organization.rules.fold`."""


class PropertyValue(Numbered):
    """A value that interactions have of a property; what filters offer."""

    __table_args__ = (UniqueConstraint("property_id", "key"),)

    property_id: Mapped[int] = mapped_column(ForeignKey("property.id"))
    key: Mapped[str]
    """The folded text."""
    name: Mapped[str]
    """As it was first written; interactions hold this text."""
    created_at: Mapped[datetime]


class Holiday(Numbered):
    """A day on which nobody works: in one region, or everywhere when `region_id` is empty."""

    __table_args__ = (Index("ix_holiday_day", "day"),)

    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"))
    day: Mapped[date] = mapped_column(Date)
    name: Mapped[dict[str, str]]
