"""Pure functions over arrays: how good is a list?"""
