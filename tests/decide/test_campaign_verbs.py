"""`penchant campaigns fit` and `allocate`, from file to file; and what targeting by effect is worth."""

import csv
import json

import numpy as np
import pytest
from trial_tables import nobody, sample_of

from penchant.adapters.highs_programs import HighsPrograms
from penchant.adapters.lightgbm_regression import LightGbmRegression
from penchant.cli import main
from penchant.decide.campaigns.allocate import Offers, allocate
from penchant.decide.campaigns.stack import Plan, out_of_fold
from penchant.testing.trials import Shape, simulated_trial


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows(rows)


def test_from_a_trial_to_a_plan(tmp_path, capsys):
    trial = simulated_trial(700, Shape(rate=0.3, spread=0.8, noise=0), seed=1)
    columns = list(trial.columns)
    rows = zip(*trial.columns.values(), trial.treated.astype(int), trial.outcome, strict=True)
    write(tmp_path / "trial.csv", [[*columns, "got", "bought"], *rows])
    fitted, planned = tmp_path / "fitted.json", tmp_path / "planned.json"
    words = ["campaigns", "fit", str(tmp_path / "trial.csv"), "--treatment", "got", "--outcome", "bought"]
    assert main([*words, "--json-file", str(fitted), "--threads", "1"]) == 0
    assert "Qini, on people left out" in capsys.readouterr().out
    found = json.loads(fitted.read_text())
    assert len(found["uplift"]) == 700
    assert found["qini"]["low"] < found["qini"]["value"] < found["qini"]["high"]
    write(tmp_path / "offers.csv", [["offer", "cost", "stock", "value"], ["1", 1, 60, 40]])
    words = ["campaigns", "allocate", str(fitted), str(tmp_path / "offers.csv"), "--budget", "50"]
    assert main([*words, "--json-file", str(planned)]) == 0
    plan = json.loads(planned.read_text())
    assert plan["spent"] == 50 == sum(map(bool, plan["given"]))
    assert len(plan["holdout"]) == 70
    assert not any(plan["given"][row] for row in plan["holdout"])
    assert "why you will know" in capsys.readouterr().out


def test_a_plan_from_a_table_obeys_each_persons_limit(tmp_path, capsys):
    write(tmp_path / "people.csv", [["a", "b", "contacts"], [1, 2, 0], [1, 2, 1], [1, 2, 2], [1, -2, ""]])
    write(tmp_path / "offers.csv", [["offer"], ["a"], ["b"]])
    words = ["campaigns", "allocate", str(tmp_path / "people.csv"), str(tmp_path / "offers.csv")]
    assert main([*words, "--budget", "9", "--holdout", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["given"] == [[], ["b"], ["a", "b"], ["a"]]


def test_a_column_of_values_that_is_empty_is_no_money(tmp_path, capsys):
    write(tmp_path / "people.csv", [["a"], [1], [2]])
    write(tmp_path / "offers.csv", [["offer", "cost", "value"], ["a", 5, ""]])
    words = ["campaigns", "allocate", str(tmp_path / "people.csv"), str(tmp_path / "offers.csv")]
    assert main([*words, "--budget", "9", "--holdout", "0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["in_money"], found["value"]) == (False, 2)


def test_a_plan_tells_people_by_their_row_of_the_file(tmp_path, capsys):
    (tmp_path / "people.csv").write_text("007,x\n1,2\n1,2,3\n5,4\n")
    fitted = {"rows": 2, "arms": [{"treatment": "007"}], "uplift": [1, None, 5]}
    (tmp_path / "people.json").write_text(json.dumps(fitted, indent=2))
    write(tmp_path / "offers.csv", [["offer", "cost"], ["007", 1]])
    for people in ("people.csv", "people.json"):
        words = ["campaigns", "allocate", str(tmp_path / people), str(tmp_path / "offers.csv"), "--json"]
        assert main([*words, "--budget", "9", "--holdout", "0"]) == 0
        assert json.loads(capsys.readouterr().out)["given"] == [["007"], None, ["007"]]
        assert main([*words, "--budget", "9", "--holdout", ".99"]) == 0
        assert json.loads(capsys.readouterr().out)["holdout"] == [0, 2]


@pytest.mark.parametrize(
    ("offers", "message"),
    [
        ("offer\na\na\n", "a name of its own"),
        ("name\na\n", "no column 'offer'"),
        ("offer\nz\n", "no column 'z'"),
        ("offer,cost\na,much\n", "must hold numbers"),
        ("offer,value\nnone,\na,3\n007,\n", "no value of offer 'none', '007'"),
    ],
)
def test_tables_that_do_not_fit_are_refused(tmp_path, capsys, offers, message):
    (tmp_path / "people.csv").write_text("a\n1\n2\n")
    (tmp_path / "offers.csv").write_text(offers)
    words = ["campaigns", "allocate", str(tmp_path / "people.csv"), str(tmp_path / "offers.csv")]
    assert main([*words, "--budget", "9"]) == 1
    assert message in capsys.readouterr().err


def test_targeting_by_effect_is_worth_nearly_what_perfect_knowledge_is_and_by_response_is_not():
    shape = Shape(rate=0.2, effect=0.3, spread=1.0, kind="against-response")
    trial = simulated_trial(6000, shape, seed=7)
    sample = sample_of(trial)
    found = out_of_fold(sample, LightGbmRegression(), seed=0, others=nobody(sample), plan=Plan(1, 3, 2))
    assert np.corrcoef(found.uplift, trial.effect)[0, 1] >= 0.5

    def worth(value):
        of = Offers(value[:, None], np.ones((6000, 1)), np.array([np.inf]), np.ones(6000, np.int64), 1800.0)
        return float(trial.effect[allocate(of, HighsPrograms()).given[:, 0]].sum())

    assert worth(found.uplift) >= 0.9 * worth(trial.effect)
    assert worth(trial.baseline) <= 0.6 * worth(trial.effect)
