"""What `import jepascore_core as js` offers about datasets: open, measure, curate."""
