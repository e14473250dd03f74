from skybind.cli import main

main()
