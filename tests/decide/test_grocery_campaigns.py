"""The grocery's campaigns went to chosen households: that is found out, and no Qini is given."""

import duckdb
import pytest

from penchant.adapters.grocery import package_data
from penchant.adapters.lightgbm_regression import LightGbmRegression
from penchant.decide.campaigns.fit import Asked, fit_trial
from penchant.decide.campaigns.words import words
from penchant.decide.tables import read_table
from penchant.errors import MissingExtra

TABLE = """
    WITH span AS (
        SELECT start_date AS first, end_date AS last FROM '{data}/campaign_descriptions.parquet'
        WHERE campaign_id = '{campaign}'
    ), before AS (
        SELECT household_id, sum(sales_value) AS spent, count(DISTINCT basket_id) AS baskets,
               count(DISTINCT product_id) AS products
        FROM '{data}/transactions.parquet', span WHERE transaction_timestamp < first GROUP BY ALL
    ), during AS (
        SELECT household_id, sum(sales_value) AS outcome
        FROM '{data}/transactions.parquet', span
        WHERE transaction_timestamp BETWEEN first AND last GROUP BY ALL
    )
    SELECT before.*, coalesce(outcome, 0) AS outcome,
           household_id IN (
               SELECT household_id FROM '{data}/campaigns.parquet' WHERE campaign_id = '{campaign}'
           ) AS mailed
    FROM before LEFT JOIN during USING (household_id)
"""


@pytest.mark.parametrize("campaign", ["18", "8"])
def test_no_qini_where_households_were_chosen(tmp_path, campaign):
    try:
        data = package_data()
    except MissingExtra as error:
        pytest.skip(str(error))
    path = tmp_path / "campaign.parquet"
    with duckdb.connect() as db:
        db.sql(TABLE.format(data=data, campaign=campaign)).write_parquet(str(path))
    found = fit_trial(read_table(path), Asked(treatment="mailed", outcome="outcome"), LightGbmRegression())
    assert (found.qini, found.uplift) == (None, None)
    assert found.arms[0].randomised.auc > 0.65
    assert "spent" in found.arms[0].randomised.told_by
    assert "This was not randomised" in words(found)
