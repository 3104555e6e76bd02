"""What an administrator does: sees this node's doctors, and adds one with licences and hours."""

from datetime import date

from aiohttp import web
from pydantic import Field

from telemed.accounts import opening
from telemed.accounts.opening import prepare_account
from telemed.api.accounts import Language, Password
from telemed.api.routing import Body, Route, View, Who
from telemed.directory import doctors
from telemed.directory.doctors import DoctorFile, NewDoctor, NewLicence
from telemed.node import NODE


class AdministratorBody(Body):
    """An administrator as `telemed add-administrator` takes one, all but the password."""

    name: str = Field(min_length=1, max_length=200)
    contact: str = Field(min_length=3, max_length=254)
    language: Language
    zone: str = Field(max_length=64)


class LicenceBody(Body):
    """A licence to practise; both days inclusive."""

    jurisdiction: str = Field(pattern="^[A-Z]{2}$")
    number: str = Field(min_length=1, max_length=120)
    authority: str = Field(min_length=1, max_length=120)
    valid_from: date
    valid_until: date


class HoursBody(Body):
    """A weekly stretch of work on the doctor's own clock; Monday is 0, the end of a day 24:00."""

    weekday: int = Field(ge=0, le=6)
    start: str = Field(max_length=5)
    end: str = Field(max_length=5)


class DoctorBody(Body):
    """A doctor of this node, all but the password: also the file that `telemed add-doctor` reads."""

    name: str = Field(min_length=1, max_length=120)
    contact: str = Field(min_length=3, max_length=254)
    specialties: tuple[str, ...] = Field(min_length=1, max_length=20)
    languages: tuple[Language, ...] = Field(min_length=1, max_length=20)
    zone: str = Field(max_length=64)
    visit_minutes: int = Field(ge=5, le=120, multiple_of=5)
    licences: tuple[LicenceBody, ...] = Field(min_length=1, max_length=10)
    hours: tuple[HoursBody, ...] = Field(min_length=1, max_length=doctors.MAX_STRETCHES)

    def doctor(self) -> NewDoctor:
        """As the directory takes it. Raises Invalid."""
        return NewDoctor(
            name=self.name,
            specialties=self.specialties,
            languages=self.languages,
            zone=self.zone,
            visit_minutes=self.visit_minutes,
            licences=[NewLicence(**licence.model_dump()) for licence in self.licences],
            hours=[doctors.stretch(hours.weekday, hours.start, hours.end) for hours in self.hours],
        )


class NewDoctorBody(DoctorBody):
    """A doctor of this node."""

    password: Password


class LicenceView(View):
    """A licence to practise; both days inclusive."""

    jurisdiction: str
    number: str
    authority: str
    valid_from: date
    valid_until: date


class HoursView(View):
    """A weekly stretch of work on the doctor's own clock."""

    weekday: int
    start: str
    end: str


class OwnDoctorView(View):
    """A doctor of this node as its administrator sees them."""

    id: str
    name: str
    specialties: tuple[str, ...]
    languages: tuple[str, ...]
    zone: str
    visit_minutes: int
    licences: tuple[LicenceView, ...]
    hours: tuple[HoursView, ...]


class OwnDoctorsView(View):
    """This node's doctors, by name."""

    doctors: list[OwnDoctorView]


async def own_doctors(request: web.Request) -> OwnDoctorsView:
    """This node's doctors, with licences and hours."""
    async with request.app[NODE].database.read() as session:
        return OwnDoctorsView(doctors=[_view(file) for file in await doctors.listed(session)])


async def add_doctor(request: web.Request, body: NewDoctorBody) -> OwnDoctorView:
    """Add a doctor who is listed at once and may sign in."""
    node, now = request.app[NODE], request.app[NODE].clock()
    doctor = body.doctor()
    account = await prepare_account(
        name=body.name,
        contact=body.contact,
        password=body.password,
        language=body.languages[0],
        zone=body.zone,
        key_ring=node.key_ring,
        data_keys=node.data_keys,
        passwords=node.passwords,
        now=now,
    )
    async with node.database.write() as session:
        row = await opening.add_doctor(session, account, doctor, jurisdiction=node.settings.jurisdiction, now=now)
    return OwnDoctorView(id=row.id, **body.model_dump(exclude={"contact", "password"}))


def _view(file: DoctorFile) -> OwnDoctorView:
    hours = [(row.weekday, doctors.clock(row.start_minute), doctors.clock(row.end_minute)) for row in file.hours]
    return OwnDoctorView.model_validate(
        {
            **file.doctor.model_dump(exclude={"active", "created_at"}),
            "licences": [licence.model_dump(exclude={"id", "doctor_id"}) for licence in file.licences],
            "hours": [{"weekday": weekday, "start": start, "end": end} for weekday, start, end in hours],
        }
    )


ROUTES = (
    Route(
        method="GET",
        path="/admin/doctors",
        handler=own_doctors,
        who=Who.ADMINISTRATOR,
        view=OwnDoctorsView,
        summary="This node's doctors",
    ),
    Route(
        method="POST",
        path="/admin/doctors",
        handler=add_doctor,
        who=Who.ADMINISTRATOR,
        body=NewDoctorBody,
        view=OwnDoctorView,
        status=201,
        summary="Add a doctor with licences and hours",
    ),
)
