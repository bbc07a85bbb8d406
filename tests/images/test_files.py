from diptych.images.files import find_images


def test_pictures_are_found_below_a_folder_in_order(tmp_path):
    root = tmp_path / ".hidden above does not count"
    there = ["a.png", "b.JPG", "sub/b.tiff", "sub/deep/x.y.webp", "z.Gif"]
    others = [".a.png", ".git/a.png", "sub/.thumbs/a.png", "notes.txt", "png", "a.png.part"]
    for name in reversed(there + others):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "folder.png").mkdir()
    assert [path.relative_to(root).as_posix() for path in find_images(root)] == there
