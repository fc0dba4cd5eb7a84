"""Map: every image a point beside those like it, in colours of your choice; a region to look at, cut or share."""

from pages.ui.app.frame import frame
from pages.ui.map.page import choose_mapped, draw_map_page
from pages.ui.sample.dialog import begin_chosen_sample, show_chosen_sample
from pages.ui.widgets.table_status import draw_preparing

with frame("Map"):
    mapped = choose_mapped()
    if mapped is not None:
        begin_chosen_sample(mapped.scores)
        draw_preparing([mapped.scores])
        draw_map_page(mapped)
        show_chosen_sample(mapped.scores)
