"""A shop of one person whose list follows what was bought last; numbers are made up."""

from typing import Any

import msgspec

from penchant.adapters.zen_rules import ZenRules
from penchant.decide.approval import Person, Queue
from penchant.errors import Conflict, NotEnoughData, NotFound
from penchant.events.decisions import Decided, Decision, told
from penchant.recommend.rules.book import RuleBook
from penchant.recommend.rules.document import document_of
from penchant.recommend.rules.rule import told as rule_told
from penchant.settings import DecisionSettings, Settings
from penchant.testing.decision_fakes import InMemoryDecisions
from penchant.testing.rule_fakes import InMemoryRules

PERSON = "p7f3a9c2e41b05d68"
TOKEN = "one-time"
KEY = "admin-key"
SECOND_KEY = "pk_2_second"

SHELVES = {
    "Dairy": ["Whole milk 1 gal", "Vanilla yogurt 6 oz", "Sharp cheddar 8 oz", "Salted butter"],
    "Produce": ["Bananas <3 lb>", "Baby spinach", "Roma tomatoes", "Gala apples"],
    "Bakery": ["Wheat bread", "Plain bagels", "Blueberry muffins", "Flour tortillas"],
    "Meat": ["Ground beef 80%", "Chicken breast", "Smoked turkey", "Pork chops"],
    "Drinks": ["Orange juice", "Cola 12 pk", "Ground coffee", "Sparkling water"],
}
ITEMS = [
    {
        "item_id": f"{category.lower()}-{n}",
        "title": title,
        "category": f"{category} > {title.split()[-1]}",
        "brand": "" if n == 3 else "House" if n % 2 else "National",
        "price": None if n == 3 else 1.49 + n,
    }
    for n in range(4)
    for category, titles in SHELVES.items()
    for title in [titles[n]]
]


def month(n: int) -> dict[str, Any]:
    shares = [0.5 - n * 0.03, 0.2, 0.1 + n * 0.03, 0.12, 0.08]
    named = [{"name": name, "share": share} for name, share in zip(SHELVES, shares, strict=True)]
    brands = [{"name": "House", "share": 0.3 + n * 0.04}, {"name": "National", "share": 0.7 - n * 0.04}]
    return {
        "month": f"2017-{n + 1:02}",
        "events": 30 + n,
        "categories": named,
        "brands": brands,
        "price_level": 0.3 + n * 0.04,
    }


HOUR = 3600.0
NOON = 1.7e9 // 86_400 * 86_400 + 12 * HOUR


def learning() -> dict[str, Any]:
    """Two snapshots that served, one that was refused, five days of questions, an alarm."""
    points = [
        {"start": NOON + day * 86_400, "asked": 1_000, "serves": 0.24, "still": 0.2, "frozen": 0.12}
        for day in range(5)
    ]
    return {
        "snapshot": "20231118-120000-0",
        "since": NOON + 3 * 86_400,
        "loaded": "20231118-120000-0",
        "troubles": [],
        "learner": "running",
        "end": 90_000,
        "progress": {
            "written": NOON + 5 * 86_400, "snapshot": "20231118-120000-0", "position": 89_988, "learned": 431,
            "published": 17, "refused": 1, "reason": "", "watching": "",
        },
        "rates": {"start": NOON, "asked": 5_000, "serves": 0.24, "still": 0.2, "frozen": 0.12},
        "points": points,
        "alarms": [
            {
                "time": NOON + 2 * 86_400, "what": "looks at Teas went from 3.1% to 14% of all looks",
                "action": "faster", "factor": 1.54, "events": 4_500, "why": "11% of the events moved",
            }
        ],
        "snapshots": [
            snapshot("20231118-120000-0", "serves", 0.004),
            snapshot("20231117-120000-0", "kept", 0.117, accepted=False),
            snapshot("20231115-120000-0", "served", None),
        ],
        "promotions": [
            {"name": "20231118-120000-0", "time": NOON + 3 * 86_400, "why": "learned on", "here": True},
            {"name": "20231115-120000-0", "time": NOON, "why": "trained", "here": True},
            {"name": "20231101-120000-0", "time": NOON - 9e5, "why": "trained", "here": False},
        ],
        "back": {"name": "20231115-120000-0", "made": NOON, "until": NOON + 3 * 86_400},
        "heat": {"arm": "online", "blocks": 3, "written": NOON, "svg": PICTURE},
        "ranker": {
            "broken": "", "serves": True, "off": False, "made": NOON, "lists": 1_742, "people": 900,
            "taste": 0.2, "ranked": 0.21, "error": 0.012,
            "importance": [{"name": "taste:score", "share": 0.61}, {"name": "due:lateness", "share": 0.2}],
        },
        "report": True,
    }  # fmt: skip


PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">'
    '<rect style="fill: #080" width="9" height="9"/></svg>'
)


def snapshot(name: str, state: str, loss: float | None, *, accepted: bool = True) -> dict[str, Any]:
    return {
        "name": name, "state": state, "broken": False, "parent": "" if loss is None else "20231115-120000-0",
        "losses": {"newest": loss, "memory": loss and loss - 0.02, "anchor": None},
        "made": NOON, "since": None, "to": NOON, "events": 20_000,
        "accepted": accepted, "reasons": [f"{name} was judged so"],
    }  # fmt: skip


EMPTY = {
    "snapshot": "", "since": None, "loaded": "", "troubles": [], "learner": "off", "end": 0, "progress": None,
    "rates": {"start": 0.0, "asked": 0, "serves": 0.0, "still": 0.0, "frozen": 0.0}, "points": [],
    "alarms": [], "snapshots": [], "promotions": [], "back": None, "heat": None, "report": False,
    "ranker": None,
}  # fmt: skip


class Rules:
    """Answers :class:`penchant.serve.rule_services.RuleServices`: a real record, and made-up effects."""

    def __init__(self) -> None:
        self.book = RuleBook(InMemoryRules(), ZenRules(), lambda: NOON)
        rows = [{"rule": '"No own brand"', "action": '"exclude"', "brand": '"House"', "on": "false"}]
        self.book.save(document_of(rows), "Ann", note="a start")

    def rules(self) -> dict[str, Any]:
        newest = self.book.store.newest()
        return {
            "version": newest, "in_force": newest, "document": msgspec.json.decode(self.book.document()),
            "rules": self.effects(self.book.document()), "history": self.book.history(),
        }  # fmt: skip

    def effects(self, document: bytes) -> list[dict[str, Any]]:
        found = self.book.compiled(document).rules
        return [
            rule_told(rule) | {"items": 1_031, "titles": ["Whole milk 1 gal"], "lists": 2} for rule in found
        ]

    def save_rules(self, document: bytes, author: str, note: str, expected: int | None) -> dict[str, Any]:
        return {"version": self.book.save(document, author, note=note, expected=expected).version}

    def rollback_rules(self, version: int, author: str, note: str, expected: int | None) -> dict[str, Any]:
        return {"version": self.book.rollback(version, author, note=note, expected=expected).version}

    def try_rules(self, document: bytes) -> dict[str, Any]:
        example = {"before": ["Bananas <3 lb>", "Cola 12 pk"], "after": ["Cola 12 pk"]}
        effects = self.effects(document)
        return {"lists": 300, "changed": 12, "share": 0.04, "examples": [example], "rules": effects}


def change(people: int | None, before: int | None, sure: bool = True) -> dict[str, Any]:
    ratio = (people or 4) / (before or 4)
    return {
        "people": people, "before": before, "ratio": ratio, "low": ratio / 1.4, "high": ratio * 1.4,
        "weeks": [None, 5, 6, 7, 8, 9, 9, 9, 20, 21, None, 30], "sure": sure,
    }  # fmt: skip


def trends() -> dict[str, Any]:
    """What a shop tells of trends."""
    thing = {"name": "<b>Oat</b> drink", "item_id": "i1", "available": True, "change": change(60, 20)}
    gone = {"name": "Old pot", "item_id": "i2", "available": False, "change": change(None, 40)}
    sought = {
        "words": "oolong teapot",
        "hits": 0,
        "people_in_all": 50,
        "takers": None,
        "change": change(40, None),
    }
    seldom = {
        "words": "books",
        "hits": 10,
        "people_in_all": 60,
        "takers": None,
        "change": change(30, 30, False),
    }
    wish = {
        "words": ["wooden", "bicycle"], "people": 1_200, "searches": 2, "likeness": 0.31,
        "near": [{"title": "Teapot", "item_id": "i3", "likeness": 0.31}],
    }  # fmt: skip
    return {
        "until": 1.7e9, "weeks": [1.7e9 - 604_800 * (12 - n) for n in range(12)],
        "active": [None] + [300] * 11,
        "rising": [thing], "fading": [gone], "rising_categories": [], "fading_categories": [],
        "missing": [sought], "ignored": [seldom], "usual": 0.5, "wishes": [wish], "far": 0.4,
        "notes": ["There are fewer than eight weeks."],
    }  # fmt: skip


class Campaigns:
    """Answers :class:`penchant.serve.campaigns.CampaignServices`, as far as the console asks."""

    def __init__(self) -> None:
        self.told: dict[str, Any] | None = trends()

    def trends(self) -> dict[str, Any]:
        if self.told is None:
            raise NotEnoughData("nothing happened yet that counts")
        return self.told


def suggestion(name: str, subject: str, suggested: float, now: float, **more: Any) -> Decision:
    """A price with its curve, highest at what is suggested."""
    prices = [round(0.8 * now + 0.4 * now * n / 12, 2) for n in range(13)]
    losses = [(price - suggested) ** 2 for price in prices]
    curve = tuple(
        (price, 30 - 9 * loss, 26 - 14 * loss, 34 - 4 * loss)
        for price, loss in zip(prices, losses, strict=True)
    )
    given = {
        "kind": "price", "reason": "it should bring more profit than the price of now",
        "goal": "profit a period", "expected": 2.41, "low": -0.35, "high": 5.2, "curve": curve,
        "inputs": {"fitted.json": "sha256:" + "7e" * 32}, "settings": {"goal": "profit", "ending": 0.99},
    }  # fmt: skip
    return Decision(id=name, subject=subject, suggested=suggested, now=now, **given | more)


class Decisions:
    """Answers :class:`penchant.serve.decision_services.DecisionServices`: a real queue, and lists made up."""

    def __init__(self) -> None:
        self.queue = Queue(InMemoryDecisions(), DecisionSettings(), lambda: NOON)
        order = Decision(
            id="d3", kind="order", subject="dairy-0", suggested=48.0, cost=52.8, expected=51.2, low=31.0,
            high=74.0, goal="demand until the next delivery", reason="12 on hand, 0 on the way; packs of 12",
            curve=tuple((12.0 * n, 1 - 0.6**n, 1 - 0.6**n, 1 - 0.6**n) for n in range(9)),
        )  # fmt: skip
        self.queue.propose(
            [
                suggestion("d1", "dairy-1", 2.69, 2.49),
                suggestion("d2", "dairy-2", 2.99, 3.49, lowest=3.29, reason="less is <more>"),
                order,
                Decision(id="d4", kind="campaign", subject="Spring & co", suggested=4_000.0, cost=4_000.0,
                         reason="3,900 offers to 9,000 people", goal="money", expected=812.5),
            ],
            Person("Ann"),
        )  # fmt: skip
        self.problem = ""

    def decisions(self, kind: str, state: str, limit: int) -> list[dict[str, Any]]:
        if kind == "list":
            return [LIST]
        return [self._told(one) for one in self.queue.log.find(kind=kind, state=state, limit=limit)]

    def decision(self, name: str) -> dict[str, Any]:
        return self._told(self.queue.get(name))

    def approve(self, name: str, who: Person, note: str, seen: int | None) -> dict[str, Any]:
        found = self._told(self.queue.approve(name, who, note=note, seen=seen))
        return found | ({"delivery": {"problem": self.problem}} if self.problem else {})

    def edit(self, name: str, value: float, who: Person, note: str, seen: int | None) -> dict[str, Any]:
        return self._told(self.queue.edit(name, value, who, note=note, seen=seen))

    def reject(self, name: str, who: Person, note: str, seen: int | None) -> dict[str, Any]:
        return self._told(self.queue.reject(name, who, note=note, seen=seen))

    def take_back(self, name: str, who: Person, note: str, seen: int | None) -> dict[str, Any]:
        return self._told(self.queue.take_back(name, who, note=note, seen=seen))

    def _told(self, found: Decided) -> dict[str, Any]:
        titles = {item["item_id"]: item["title"] for item in ITEMS}
        title = titles.get(found.decision.subject, "")
        return told(found) | {"title": title, "needed": self.queue.needed(found)}


LIST = {
    "id": "list-1", "kind": "list", "subject": "home", "state": "shown", "time": NOON, "person": PERSON,
    "inputs": {"snapshot": "20231118-120000-0", "arm": "", "fallback": ""}, "items": [{}] * 12,
    "propensity": 0.031,
}  # fmt: skip


class Shop:
    """Answers :class:`penchant.serve.services.Services`, as far as the console asks."""

    def __init__(self, *, evaluated: bool = True) -> None:
        self.settings = Settings(name="Corner grocery", currency="USD")
        self.console_token = TOKEN
        self.evaluated = evaluated
        self.events: list[tuple[str, str]] = []
        self.profiling = self.experiments = True
        self.gone = False
        self.lists = 0
        self.answered: list[tuple[str | None, int | None]] = []
        self.told = learning()
        self.rules = Rules()
        self.campaigns = Campaigns()
        self.decided = Decisions()
        self.wishes: dict[tuple[str, str], str] = {}
        self.forgotten: set[str] = set()
        self.present: dict[str, Any] | None = None

    def verify(self, token: str) -> frozenset[str] | None:
        return {
            KEY: frozenset({"admin"}),
            SECOND_KEY: frozenset({"admin"}),
            "reader": frozenset({"read"}),
        }.get(token)

    def overview(self) -> dict[str, Any]:
        return {
            "name": "Corner grocery",
            "events": 1_469_307,
            "people": 2_469,
            "items": 92_331,
            "opted_out": int(not self.profiling),
            "snapshot": "20171203T101500-recurrent",
            "metrics": {"ndcg@10": 0.1234, "recall@10": 0.21},
        }

    def people(self, query: str, limit: int) -> list[dict[str, Any]]:
        known = [] if self.gone else [PERSON, *(f"q{n:015x}" for n in range(1, 30))]
        found = [p for p in known if query in p][:limit]
        return [{"pseudonym": p, "events": 700 - 9 * n, "last": 1.5e9} for n, p in enumerate(found)]

    def person(self, pseudonym: str) -> dict[str, Any]:
        if pseudonym != PERSON or self.gone:
            raise NotFound("nobody is known under that pseudonym")
        profile = {
            "events": 700,
            "categories": month(6)["categories"],
            "price_level": 0.41,
            "brands": [{"name": "House", "share": 0.6}, {"name": "National", "share": 0.4}],
            "months": [month(n) for n in range(12)],
            "words": [{"name": "milk", "share": 0.2}],
            "corrections": [
                {"kind": kind, "name": name, "weight": weight, "items": 4}
                for (kind, name), weight in self.wishes.items()
            ],
            "present": self.present,
            "recent": [
                {
                    "event_id": f"e{n}", "type": "purchase", "timestamp": 1.5e9, "item_id": f"i{n}",
                    "title": f"Old <thing> {n}", "left_out": "forgotten" if f"e{n}" in self.forgotten else "",
                }
                for n in range(2)
            ],
            "week": {"categories": [{"name": "Dairy", "before": 0.1, "now": 0.4}], "brands": []},
        }  # fmt: skip
        old = {"timestamp": 1.49e9, "type": "purchase", "items": ITEMS[5:15], "texts": []}
        asked = {"timestamp": 1.495e9, "type": "search", "items": [], "texts": ["oat <milk>"]}
        clicks = [
            {
                "timestamp": 1.5e9 + n,
                "type": kind,
                "items": [i for i in ITEMS if i["item_id"] == item],
                "texts": [],
            }
            for n, (item, kind) in enumerate(self.events)
        ]
        return {
            "consent": {"profiling": self.profiling, "experiments": self.experiments},
            "profile": profile,
            "baskets": [old, asked, *clicks],
        }

    def person_recommend(self, pseudonym: str, size: int) -> dict[str, Any]:
        self.lists += 1
        last = self.events[-1][0].split("-")[0] if self.events and self.profiling else ""
        bought = {item for item, _ in self.events}
        bad = {name for (kind, name), weight in self.wishes.items() if weight == "never"}
        left = [i for i in ITEMS if i["item_id"] not in bought | bad]
        left = [i for i in left if str(i["category"]).split(" > ", maxsplit=1)[0] not in bad]
        ranked = sorted(left, key=lambda item: not item["item_id"].startswith(last or "none"))
        why = (
            "Popular these days"
            if not self.profiling
            else f"Because of {last}"
            if last
            else "You bought it 3 times before"
        )
        items = [item | {"score": 1.0, "reason": why} for item in ranked[: min(size, 12)]]
        return {"recommendation_id": f"list-{self.lists}", "items": items}

    def person_event(
        self, pseudonym: str, item_id: str, type: str, *, recommendation_id: str | None, position: int | None
    ) -> None:
        if not any(item["item_id"] == item_id for item in ITEMS):
            raise NotFound("no such item")
        self.events.append((item_id, type))
        self.answered.append((recommendation_id, position))

    def person_taste(self, pseudonym: str, changes: dict[str, Any]) -> dict[str, Any]:
        for wish in changes.get("corrections", []):
            key = wish["kind"], wish["name"]
            self.wishes[key] = wish["weight"]
            if wish["weight"] == "normal":
                del self.wishes[key]
        self.forgotten |= set(changes.get("forget", []))
        self.forgotten -= set(changes.get("remember", []))
        if "present" in changes:
            self.present = (
                {"start": 1.5e9, "until": 1.6e9, "session_id": None} if changes["present"] else None
            )
        return self.person(pseudonym)["profile"]

    def person_consent(
        self, pseudonym: str, profiling: bool | None = None, experiments: bool | None = None
    ) -> dict[str, Any]:
        self.profiling = self.profiling if profiling is None else profiling
        self.experiments = self.experiments if experiments is None else experiments
        return {"profiling": self.profiling, "experiments": self.experiments}

    def person_export(self, pseudonym: str) -> dict[str, Any]:
        return {"pseudonym": pseudonym, "events": self.events}

    def person_erase(self, pseudonym: str) -> dict[str, Any]:
        self.gone = True
        return {"events": len(self.events)}

    def find_items(self, query: str, size: int) -> list[dict[str, Any]]:
        return [item | {"reason": ""} for item in ITEMS if query.lower() in item["title"].lower()][:size]

    def similar_items(self, item_id: str, size: int) -> list[dict[str, Any]]:
        return [item | {"reason": "Similar"} for item in ITEMS if item["item_id"] != item_id][:size]

    def report_html(self, name: str) -> str | None:
        return {
            "experiment": "<h1>Spring</h1>",
            "quality": "<h1>Data quality</h1><script>alert(1)</script>",
            "evaluation": "<h1>Evaluation</h1>" if self.evaluated else None,
            "learning": "<h1>Replay</h1>" if self.told["report"] else None,
        }.get(name)

    def learning(self) -> dict[str, Any]:
        return self.told

    def rollback(self, expected: str) -> dict[str, Any]:
        if expected != self.told["snapshot"]:
            raise Conflict(f"{self.told['snapshot']} serves by now, not what you saw: load the page again")
        self.told["snapshot"] = self.told["loaded"] = self.told["back"]["name"]
        return {"serves": self.told["snapshot"], "before": expected}
