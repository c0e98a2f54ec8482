"""Random ids, and readable names of items; the names of similar items share words."""

from __future__ import annotations

import numpy as np

__all__ = ["STYLES", "THEMES", "draw_ids", "draw_names"]

# Nouns for the names of items, by theme. Each cell of items combines a theme and a style.
THEMES = tuple(
    tuple(nouns.split())
    for nouns in (
        "Tank Jeep Cannon Bunker Helmet",
        "Dragon Wyvern Serpent Griffin Phoenix",
        "Castle Keep Drawbridge Gatehouse Rampart",
        "Robot Mech Drone Android Exosuit",
        "Sportscar Roadster Coupe Racer Pickup",
        "Spaceship Shuttle Satellite Rover Lander",
        "Sword Axe Dagger Spear Shield",
        "Skull Ribcage Femur Spine Jawbone",
        "Cottage Barn Windmill Cabin Mill",
        "Wizard Witch Sorcerer Druid Alchemist",
        "Lion Tiger Panther Lynx Leopard",
        "Shark Whale Octopus Ray Squid",
        "Guitar Violin Piano Drum Trumpet",
        "Pistol Rifle Revolver Musket Crossbow",
        "Armchair Sofa Desk Lamp Wardrobe",
        "Statue Bust Relief Column Fountain",
    )
)
# Adjectives for the names of items, one per style.
STYLES = ("Rusty", "Low Poly", "Cartoon", "Tiny", "Giant", "Golden", "Old", "Paper")


def draw_ids(n: int, generator: np.random.Generator) -> list[str]:
    """Return n random ids of 32 hexadecimal digits."""
    digits = generator.bytes(16 * n).hex()
    return [digits[start : start + 32] for start in range(0, len(digits), 32)]


def draw_names(cells: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return distinct readable names, such as "Rusty Tank 3", for items in the given cells."""
    themes, styles = np.divmod(cells, len(STYLES))
    nouns = generator.integers(len(THEMES[0]), size=len(cells))
    n_uses: dict[str, int] = {}
    names = np.empty(len(cells), dtype=object)
    for position, (theme, style, noun) in enumerate(zip(themes, styles, nouns, strict=True)):
        name = f"{STYLES[style]} {THEMES[theme][noun]}"
        n_uses[name] = n_uses.get(name, 0) + 1
        names[position] = f"{name} {n_uses[name]}"
    return names
