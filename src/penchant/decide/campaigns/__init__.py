"""Who should get which offer: effects of a randomised trial, and who gets what within a budget."""
