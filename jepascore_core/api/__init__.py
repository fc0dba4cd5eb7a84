"""The public functions and classes of `import jepascore_core as js`: open, measure and curate datasets."""
