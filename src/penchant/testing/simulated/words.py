"""Words for the goods of a simulated shop: categories with their nouns, and what tells items apart."""

CATEGORIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Kitchen > Tea", ("teapot", "tea caddy", "tea strainer")),
    ("Kitchen > Baking", ("cake tin", "rolling pin", "whisk")),
    ("Kitchen > Coffee", ("coffee mill", "espresso cup", "milk jug")),
    ("Garden > Tools", ("spade", "rake", "pruning shears")),
    ("Garden > Pots", ("flower pot", "planter", "hanging basket")),
    ("Home > Lamps", ("desk lamp", "lantern", "lampshade")),
    ("Home > Bedding", ("duvet", "pillow", "blanket")),
    ("Home > Clocks", ("wall clock", "alarm clock", "hourglass")),
    ("Beauty > Nails", ("nail polish", "nail file", "cuticle oil")),
    ("Beauty > Hair", ("shampoo", "hair brush", "hair mask")),
    ("Sports > Running", ("running shoe", "running vest", "headband")),
    ("Sports > Climbing", ("climbing rope", "harness", "chalk bag")),
    ("Sports > Swimming", ("swimsuit", "goggles", "swim cap")),
    ("Books > Crime", ("detective story", "thriller", "spy novel")),
    ("Books > Cookery", ("cookbook", "book of bread", "book of soups")),
    ("Music > Strings", ("violin bow", "guitar string", "plectrum")),
    ("Toys > Puzzles", ("jigsaw", "brain teaser", "puzzle cube")),
    ("Toys > Trains", ("locomotive", "wagon", "railway bridge")),
    ("Pets > Cats", ("cat bed", "scratching post", "cat toy")),
    ("Pets > Dogs", ("dog lead", "dog basket", "chew toy")),
    ("Crafts > Knitting", ("wool", "knitting needle", "stitch marker")),
    ("Crafts > Painting", ("watercolour", "paint brush", "easel")),
    ("Office > Paper", ("notebook", "letter paper", "envelope")),
    ("Travel > Bags", ("suitcase", "rucksack", "wash bag")),
)

TRAITS: tuple[tuple[str, str], ...] = (
    ("everyday", "luxury"),
    ("small", "large"),
    ("light", "dark"),
    ("soft", "sturdy"),
    ("plain", "patterned"),
    ("classic", "modern"),
    ("matt", "glossy"),
    ("rough", "smooth"),
)
"""A pair for each dimension of an item's own part: the word below and above zero. The first is the price."""


def category(interest: int) -> str:
    """Name of an interest; those beyond the list are numbered.

    >>> category(0), category(24)
    ('Kitchen > Tea', 'Kitchen > Tea 2')
    """
    turn, place = divmod(interest, len(CATEGORIES))
    return CATEGORIES[place][0] + (f" {turn + 1}" if turn else "")


def noun(interest: int, item: int) -> str:
    """What the item is.

    >>> noun(0, 1), noun(24, 1)
    ('tea caddy', 'tea caddy')
    """
    nouns = CATEGORIES[interest % len(CATEGORIES)][1]
    return nouns[item % len(nouns)]
