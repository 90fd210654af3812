"""The shared pieces of pages, as colleagues use them."""

import pytest
from flask import Flask, render_template_string
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, FieldList, FormField, RadioField, SelectChoice, StringField
from wtforms.validators import DataRequired, Optional

from npsapp.web.listing import Sorting


class Inner(FlaskForm):
    """A form inside a form."""

    class Meta:
        csrf = False

    street = StringField("Street", validators=[DataRequired("Where?")])


class Sample(FlaskForm):
    """One field of each kind that is rendered in its own way."""

    class Meta:
        csrf = False

    name = StringField("Name", validators=[DataRequired(_l("Who?"))], description="As in the passport")
    note = StringField("Note", validators=[Optional()])
    how = RadioField(
        "How",
        choices=[SelectChoice("call", "Call"), SelectChoice("write", "Write")],
        validators=[DataRequired("Choose")],
    )
    agree = BooleanField("Agree")
    address = FormField(Inner, label="Address")
    tags = FieldList(StringField(validators=[DataRequired("Empty tag")]), label="Tags", min_entries=1)


@pytest.fixture
def refused(app: Flask):
    """The sample form after somebody sent it empty."""
    with app.test_request_context("/login", method="POST", data={"tags-0": ""}):
        form = Sample()
        assert not form.validate()
        yield form


FORM = (
    '{% from "macros/form.html" import errors, field %}{{ errors(form) }}'
    "{% for item in form %}{{ field(item) }}{% endfor %}"
)


def test_the_summary_of_errors_links_to_the_fields(refused):
    html = render_template_string(FORM, form=refused)

    assert '<a href="#name">Name: Who?</a>' in html
    assert '<a href="#how-0">How: Choose</a>' in html
    assert 'id="how-0"' in html
    assert "Address: Where?" in html
    assert "Tags: Empty tag" in html
    assert 'role="alert"' in html


def test_a_field_points_to_its_help_and_its_error(refused):
    html = render_template_string('{% from "macros/form.html" import field %}{{ field(form.name) }}', form=refused)

    assert 'aria-describedby="name-help name-error"' in html
    assert 'id="name-help">As in the passport<' in html
    assert 'id="name-error">Who?<' in html
    assert 'aria-invalid="true"' in html


def test_only_fields_that_may_stay_empty_are_called_optional(refused):
    macro = '{% from "macros/form.html" import field %}'

    assert "(optional)" in render_template_string(macro + "{{ field(form.note) }}", form=refused)
    assert "(optional)" not in render_template_string(macro + "{{ field(form.name) }}", form=refused)


def test_a_form_without_errors_has_no_summary(app: Flask):
    with app.test_request_context("/login"):
        assert "errors" not in render_template_string(
            '{% from "macros/form.html" import errors %}{{ errors(form) }}', form=Sample(formdata=None)
        )


def test_a_confirmed_deed_needs_two_presses_and_is_protected(app: Flask):
    with app.test_request_context("/login"):
        html = render_template_string(
            '{% from "macros/confirm.html" import confirm %}'
            '{{ confirm("/stop", "Stop 2 letters", "They will not leave.", yes="Stop", fields={"kind": "<all>"}) }}'
        )

    assert html.index("<summary") < html.index('<form class="confirm-box" method="post" action="/stop">')
    assert 'name="csrf_token"' in html
    assert 'value="&lt;all&gt;"' in html
    assert "They will not leave." in html


def test_headings_say_how_the_list_is_sorted_and_turn_it_round(app: Flask):
    with app.test_request_context("/login?region=1"):
        html = render_template_string(
            '{% from "macros/table.html" import table %}'
            '{% call table("Cases", ["Customer", ("Due", "num", "due"), ""], sorting) %}<tr></tr>{% endcall %}',
            sorting=Sorting("due"),
        )

    assert '<th scope="col">Customer</th>' in html
    assert 'aria-sort="ascending"' in html
    assert 'href="/login?region=1&amp;sort=-due"' in html
    assert "<td></td>" in html, "an empty heading is no heading for a screen reader"


def test_filters_are_part_of_the_address_and_keep_what_was_chosen(app: Flask):
    with app.test_request_context("/login?region=2"):
        html = render_template_string(
            '{% from "macros/filters.html" import filters, choice %}{% call filters([("Kyiv", "/login")]) %}'
            '{{ choice("region", "Region", [(1, "Odesa"), (2, "Kyiv")], request.args.region) }}{% endcall %}'
        )

    assert 'method="get"' in html
    assert '<option value="2" selected>Kyiv</option>' in html
    assert '<option value="1">Odesa</option>' in html
    assert '<a href="/login"><span class="visually-hidden">Remove filter:</span> Kyiv' in html
