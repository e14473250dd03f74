"""AAVSO: downloads and the extended format, as tests write them."""

import csv

HEADER = """\
JD,Magnitude,Uncertainty,HQuncertainty,Band,Observer Code,Comment Code(s),Comp Star 1,Comp Star 2,\
Charts,Comments,Transfomed,Airmass,Validation Flag,Cmag,Kmag,HJD,Star Name,Observer Affiliation,\
Measurement Method,Grouping Method,ADS Reference,Digitizer,Credit"""

#: JD, magnitude, uncertainty, band, validation flag.
ROWS = [
    ("2457000.5", "9.1", "", "Vis.", "Z"),
    ("2457001.5", "<15.2", "", "Vis.", "V"),
    ("2457002.5", "9.35", "0.01", "V", "V"),
    ("2457003.5", "11.9", "0.02", "V", "T"),
    ("2457004.5", "9.4:", "", "Vis.", "U"),
]


def download(path):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, HEADER.split(","), restval="")
        writer.writeheader()
        for jd, magnitude, error, band, flag in ROWS:
            writer.writerow({"JD": jd, "Magnitude": magnitude, "Uncertainty": error, "Band": band,
                             "Validation Flag": flag, "Star Name": "MIRA", "Observer Code": "ABC",
                             "Comments": 'clouds, "moon"'})  # fmt: skip
    return path


EXTENDED = """\
#TYPE=EXTENDED
#OBSCODE=TST01
#SOFTWARE=GCX 2.0
#DELIM={delimiter}
#DATE={date}
#OBSTYPE=CCD
#NAME,DATE,MAG,MERR,FILT,TRANS,MTYPE,CNAME,CMAG,KNAME,KMAG,AMASS,GROUP,CHART,NOTES
SS CYG,2450702.1234,11.135,0.003,V,NO,{mtype},105,na,110,na,na,na,070613,na
SS CYG,2450702.1254,11.335,na,V,NO,STD,105,na,110,na,na,na,070613,na
SS CYG,2450702.1264,<14.0,na,V,NO,STD,105,na,110,na,na,na,070613,na
SS CYG,2450702.1274,11.435,0.004,B,NO,STD,105,na,110,na,na,na,070613,na
"""


def extended(path, delimiter=",", date="HJD", mtype="STD"):
    text = EXTENDED.format(delimiter="comma" if delimiter == "," else delimiter, date=date,
                           mtype=mtype)  # fmt: skip
    head, body = text.split("#NAME", 1)
    path.write_text(head + "#NAME" + body.replace(",", delimiter))
    return path
