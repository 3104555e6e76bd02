"""The sample people of the demo: invented, and called samples wherever their names appear."""

from dataclasses import dataclass

PASSWORD = "sample password"  # noqa: S105
"""The same for all, and printed at every start: nothing here is worth guarding."""

WEEKDAYS = range(5)
EVERY_DAY = range(7)


@dataclass(frozen=True, slots=True)
class Person:
    """A patient or an administrator."""

    role: str
    name: str
    contact: str
    language: str
    zone: str


@dataclass(frozen=True, slots=True)
class SampleDoctor:
    """A doctor; the same hours on each of the weekdays, Monday is 0."""

    name: str
    contact: str
    specialties: tuple[str, ...]
    languages: tuple[str, ...]
    zone: str
    visit_minutes: int
    weekdays: range
    hours: tuple[tuple[str, str], ...]
    licence: str
    authority: str


PEOPLE = {
    "KE": (
        Person("patient", "Amina Odhiambo (sample)", "amina@sample.example", "en", "Africa/Nairobi"),
        Person("patient", "Baraka Mwangi (sample)", "baraka@sample.example", "en", "Africa/Nairobi"),
        Person("administrator", "Administrator KE (sample)", "admin-ke@sample.example", "en", "Africa/Nairobi"),
    ),
    "CN": (
        Person("patient", "Wei Zhang (sample)", "wei@sample.example", "en", "Asia/Shanghai"),
        Person("administrator", "Administrator CN (sample)", "admin-cn@sample.example", "en", "Asia/Shanghai"),
    ),
    "IT": (
        Person("patient", "Giulia Conti (sample)", "giulia@sample.example", "en", "Europe/Rome"),
        Person("administrator", "Administrator IT (sample)", "admin-it@sample.example", "en", "Europe/Rome"),
    ),
}

ALWAYS = ("00:00", "24:00")

DOCTORS = {
    "KE": (
        SampleDoctor(
            name="Dr Wanjiru Kamau (sample)",
            contact="kamau@sample.example",
            specialties=("general-practice", "paediatrics"),
            languages=("en", "sw"),
            zone="Africa/Nairobi",
            visit_minutes=20,
            weekdays=WEEKDAYS,
            hours=(("08:00", "12:00"), ("13:00", "17:00")),
            licence="KE-SAMPLE-0001",
            authority="Sample council",
        ),
    ),
    "CN": (
        SampleDoctor(
            # Always there, so that whoever tries the demo waits 15 minutes at most.
            name="Dr Li Hua (sample)",
            contact="li@sample.example",
            specialties=("infectious-diseases", "pulmonology"),
            languages=("zh-Hans", "en"),
            zone="Asia/Shanghai",
            visit_minutes=10,
            weekdays=EVERY_DAY,
            hours=(ALWAYS,),
            licence="CN-SAMPLE-0001",
            authority="Sample commission",
        ),
        SampleDoctor(
            name="Dr Chen Jun (sample)",
            contact="chen@sample.example",
            specialties=("cardiology",),
            languages=("zh-Hans",),
            zone="Asia/Shanghai",
            visit_minutes=30,
            weekdays=WEEKDAYS,
            hours=(("09:00", "12:00"), ("14:00", "18:00")),
            licence="CN-SAMPLE-0002",
            authority="Sample commission",
        ),
    ),
    "IT": (
        SampleDoctor(
            name="Dr Marco Rinaldi (sample)",
            contact="rinaldi@sample.example",
            specialties=("infectious-diseases", "general-practice"),
            languages=("it", "en"),
            zone="Europe/Rome",
            visit_minutes=15,
            weekdays=WEEKDAYS,
            hours=(("09:00", "13:00"), ("14:30", "18:30")),
            licence="IT-SAMPLE-0001",
            authority="Sample order",
        ),
    ),
}
