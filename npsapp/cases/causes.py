"""The root causes a new company starts with: two levels, at most eight by eight, in three languages."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CauseProposal:
    """One cause with its name per language; groups have causes below them, causes have none."""

    key: str
    en: str
    ru: str
    uk: str
    children: tuple["CauseProposal", ...] = ()

    @property
    def name(self) -> dict[str, str]:
        """The name per language as it is stored."""
        return {"en": self.en, "ru": self.ru, "uk": self.uk}


_C = CauseProposal

PROPOSED: tuple[CauseProposal, ...] = (
    _C(
        "delivery",
        "Delivery",
        "Доставка",
        "Доставка",
        (
            _C("delivery.late", "Came late", "Опоздание", "Запізнення"),
            _C("delivery.time", "Wrong day or hour", "Не в тот день или час", "Не в той день чи час"),
            _C("delivery.damaged", "Damaged on the way", "Повреждено в пути", "Пошкоджено в дорозі"),
            _C("delivery.incomplete", "Something was missing", "Привезли не всё", "Привезли не все"),
            _C("delivery.courier", "Conduct of the courier", "Поведение курьера", "Поведінка кур’єра"),
        ),
    ),
    _C(
        "goods",
        "Goods",
        "Товар",
        "Товар",
        (
            _C("goods.defect", "Defect", "Брак", "Брак"),
            _C("goods.description", "Not as described", "Не соответствует описанию", "Не відповідає опису"),
            _C(
                "goods.quality",
                "Quality below expectation",
                "Качество ниже ожиданий",
                "Якість нижча за очікування",
            ),
            _C("goods.stock", "Not in stock", "Не было в наличии", "Не було в наявності"),
        ),
    ),
    _C(
        "staff",
        "Advice and service",
        "Консультация и обслуживание",
        "Консультація та обслуговування",
        (
            _C("staff.rude", "Impolite", "Невежливость", "Неввічливість"),
            _C(
                "staff.advice",
                "Wrong or no advice",
                "Ошибочный совет или его отсутствие",
                "Хибна порада або її брак",
            ),
            _C("staff.promise", "Promise not kept", "Не выполнили обещание", "Не виконали обіцянку"),
            _C(
                "staff.unreachable",
                "Could not reach us",
                "Не смогли до нас дозвониться",
                "Не змогли до нас додзвонитися",
            ),
            _C("staff.waiting", "Long wait", "Долго ждали", "Довго чекали"),
        ),
    ),
    _C(
        "order",
        "Order and documents",
        "Заказ и документы",
        "Замовлення та документи",
        (
            _C("order.wrong", "Wrong goods", "Отгрузили не то", "Відвантажили не те"),
            _C("order.slow", "Handled slowly", "Долго оформляли", "Довго оформлювали"),
            _C(
                "order.silence",
                "Not informed about changes",
                "Не сообщили об изменениях",
                "Не повідомили про зміни",
            ),
            _C("order.documents", "Mistakes in documents", "Ошибки в документах", "Помилки в документах"),
        ),
    ),
    _C(
        "price",
        "Price and payment",
        "Цена и оплата",
        "Ціна й оплата",
        (
            _C("price.high", "Too expensive", "Дорого", "Дорого"),
            _C(
                "price.different",
                "Price differed from the promised one",
                "Цена отличалась от обещанной",
                "Ціна відрізнялася від обіцяної",
            ),
            _C("price.payment", "Trouble with paying", "Трудности с оплатой", "Труднощі з оплатою"),
        ),
    ),
    _C(
        "works",
        "Installation and works",
        "Монтаж и работы",
        "Монтаж і роботи",
        (
            _C("works.late", "Done late", "Сделали не в срок", "Зробили невчасно"),
            _C("works.quality", "Done badly", "Сделали некачественно", "Зробили неякісно"),
            _C("works.mess", "Left in disorder", "Оставили беспорядок", "Залишили безлад"),
        ),
    ),
    _C(
        "after",
        "Returns and warranty",
        "Возврат и гарантия",
        "Повернення та гарантія",
        (
            _C("after.refused", "Refused", "Отказали", "Відмовили"),
            _C("after.slow", "Took too long", "Тянули слишком долго", "Зволікали надто довго"),
        ),
    ),
    _C(
        "other",
        "Something else",
        "Другое",
        "Інше",
        (
            _C("other.not_ours", "Not our doing", "Не наша вина", "Не наша провина"),
            _C(
                "other.misunderstanding",
                "Misunderstood question or scale",
                "Не так поняли вопрос или шкалу",
                "Не так зрозуміли запитання чи шкалу",
            ),
            _C("other.unknown", "Not known", "Не выяснено", "Не з’ясовано"),
        ),
    ),
)
