"""The headings that people give the columns of a file, by field, in English, Russian and Ukrainian.

After a "|" stand weaker ones, taken only where no better column claims the field: "Подразделение" is the unit
only if there is no "Склад". Blanks, case and punctuation do not count.
"""

HEADINGS = """
external_id: external id, id, uuid, guid, order id, purchase id, sale id, receipt id, document id,
  transaction id, ид, идентификатор, внешний код, внешний ид, код заказа, код документа, уникальный
  идентификатор, ід, ідентифікатор, зовнішній код, зовнішній ід, код замовлення, код документа
number: number, order number, receipt number, document number, invoice number, no, order no, receipt no,
  doc no, номер, номер документа, номер заказа, номер чека, номер накладной, реализация, чек, заказ,
  номер замовлення, номер накладної, номер чеку, замовлення, чек № | документ, реєстратор, регистратор,
  order, receipt, document, invoice, накладная, накладна, реалізація
happened_at: happened at, date, purchase date, order date, sale date, date of purchase, bought at,
  datetime, date time, date and time, delivery date, дата, дата документа, дата продажи, дата покупки,
  дата заказа, дата чека, дата отгрузки, дата доставки, дата и время, дата продажу, дата покупки, дата
  замовлення, дата чеку, дата відвантаження, дата та час, дата і час | период, період, time, created at,
  created
brand: brand, бренд, торговая марка, торгова марка
touchpoint: touchpoint, touch point, точка контакта, точка контакту, тип события, тип події
unit: unit, store, shop, branch, outlet, point of sale, pos, warehouse, location, магазин, склад,
  торговая точка, точка продаж, торгова точка, точка продажу | подразделение, філія, филиал, підрозділ,
  отделение, відділення, department
region: region, area, регион, область, регіон | oblast, province, край, округ, city, город, місто
performer: performer, performers, seller, salesperson, sales person, cashier, courier, operator,
  исполнитель, исполнители, продавец, кассир, курьер, виконавець, виконавці, продавець, касир, кур'єр |
  manager, менеджер, ответственный, відповідальний, employee, сотрудник, співробітник
segment: segment, customer segment, сегмент, сегмент клиента, сегмент клієнта | customer type, тип
  клиента, тип клієнта, категория клиента, категорія клієнта, канал продаж, канал продажу
title: title, product, products, item, items, goods, what was bought, товар, товары, что куплено,
  название товара, номенклатура, товари, що куплено, назва товару | description, описание, опис,
  содержание, зміст, name of goods, наименование товара | найменування, наименование
product_group: product group, product category, goods group, группа товаров, группа товара, товарная
  группа, вид товара, группа номенклатуры, група товарів, група товару, товарна група, вид товару, група
  номенклатури | category, категория, категорія, категория товара, категорія товару
partner: partner, dealer, distributor, дилер, дистрибьютор, дистриб'ютор, агент || партнер
amount: amount, total, sum, order total, total amount, сумма, сумма документа, сумма заказа, выручка,
  сумма с ндс, сумма чека, итого к оплате, сума, сума документа, сума замовлення, сума з пдв, виручка,
  сума чеку | price, cost, стоимость, вартість, цена, ціна, revenue
currency: currency, currency code, валюта, валюта документа, код валюты, код валюти
customer_id: customer id, client id, buyer id, person id, customer code, card number, loyalty card, ид
  клиента, код клиента, ид покупателя, код покупателя, код контрагента, номер карты, карта лояльности,
  ід клієнта, код клієнта, код покупця, номер картки, картка лояльності
customer_name: customer name, customer, client, client name, buyer, buyer name, full name, контрагент,
  клиент, покупатель, заказчик, имя клиента, фио, фио клиента, фио покупателя, имя покупателя, клієнт,
  покупець, замовник, ім'я клієнта, піб, піб клієнта, піб покупця | name, имя, ім'я, contact, contact
  name, контактное лицо, контактна особа, получатель, одержувач, отримувач, партнер, наименование,
  найменування
email: email, e mail, email address, customer email, client email, mail, эл почта, электронная почта,
  адрес электронной почты, почта, эл адрес, емейл, имейл, email клиента, ел пошта, електронна пошта,
  адреса електронної пошти, пошта, ел адреса, email клієнта, емайл, имэйл
phone: phone, phone number, mobile, mobile phone, telephone, tel, cell, customer phone, телефон, моб
  телефон, мобильный, мобильный телефон, тел, номер телефона, телефон клиента, телефон покупателя,
  контактный телефон, мобільний, мобільний телефон, номер телефону, телефон клієнта, телефон покупця,
  контактний телефон, моб
language: language, lang, locale, язык, язык клиента, мова, мова клієнта
consent_email: consent email, email consent, consent to email, согласие email, согласие на email,
  согласие на письма, согласие на рассылку, згода email, згода на email, згода на листи, згода на
  розсилку | consent, согласие, згода, opt in, subscribed
consent_sms: consent sms, sms consent, consent to sms, согласие sms, согласие на sms, согласие на смс,
  згода sms, згода на sms, згода на смс
consent_phone: consent phone, phone consent, consent to calls, consent call, согласие телефон, согласие
  на звонок, согласие на звонки, згода телефон, згода на дзвінок, згода на дзвінки
key_customer: key customer, key client, key account, vip, ключевой клиент, важный клиент, ключовий
  клієнт, важливий клієнт
status: status, state, order status, статус, состояние, статус заказа, состояние заказа, статус
  документа, стан, статус замовлення, стан замовлення
"""
