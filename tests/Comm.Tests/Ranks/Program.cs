using System.Globalization;
using System.Text;
using Lean.Comm;
using Lean.Comm.Ranks;
using Lean.Comm.Tests;
using Lean.Tensors;

// One rank: joins the others by the launcher's variables, carries out a schedule, says what came of it.
// Arguments: name=value, see Argument below. "result=…" on stdout and exit code 0, or one sentence on stderr and 1.
Dictionary<string, string> given = args.Select(static a => a.Split('=', 2)).ToDictionary(static p => p[0], static p => p[1]);
string Argument(string name, string fallback) => given.GetValueOrDefault(name, fallback);
int Number(string name, int fallback) => int.Parse(Argument(name, fallback.ToString(CultureInfo.InvariantCulture)), CultureInfo.InvariantCulture);
TimeSpan Seconds(string name, string fallback) => TimeSpan.FromSeconds(double.Parse(Argument(name, fallback), CultureInfo.InvariantCulture));

int me = -1;
string? folder = Environment.GetEnvironmentVariable("LEAN_DUMP_DIR") is { Length: > 0 } named ? named : null;
try
{
    RankEnvironment environment = RankEnvironment.Read() ?? throw new InputException("no launcher started this rank");
    me = environment.Rank;
    if (folder is not null)
    {
        File.WriteAllBytes(Path.Combine(folder, $"{me}.up"), []);
    }

    var layout = new ParallelLayout(Number("tp", 2), Number("dp", 2), Number("ep", 1) == 1);
    bool isCulprit = me == Number("rank", -1);
    string build = isCulprit ? Argument("build", "this/build") : "this/build";
    (TimeSpan watchdog, TimeSpan rendezvous) = (Seconds("watchdog", "60"), me == 0 ? Seconds("rendezvous", "60") : TimeSpan.FromSeconds(60));
    using RankSession session = given.TryGetValue("library", out string? file) ? Devices(file) : RankSession.Start(environment, layout, watchdog, rendezvous, build);
    RankSession Devices(string library)
    {
        CclKind kind = Argument("comm", "nccl") == "nccl" ? CclKind.Nccl : CclKind.OneCcl;
        return RankSession.Start(environment, layout, CclLibrary.Open(kind, library), Open, watchdog, rendezvous, build);

        ImmediateDevice? Open() => isCulprit && Argument("fault", "") == "device"
            ? throw new MachineException($"the device of rank {me} is taken") : kind == CclKind.Nccl ? new ImmediateDevice(environment.LocalRank) : null;
    }

    var fault = isCulprit ? new PlantedFault(Argument("fault", ""), (Number("step", 1), Number("index", 2))) : null;
    int first = 1;
    for (int seed = Number("seed", 1); seed < Number("seed", 1) + Number("seeds", 1); seed++)
    {
        Schedule schedule = Schedule.Of(seed, layout, Number("steps", 3), Number("collectives", 6));
        ScheduledRank? rank = null;
        rank = new ScheduledRank(session.Collectives, schedule) { FirstStep = first, Fault = (step, index) => fault?.Happen(rank!, schedule, step, index, Seconds("delay", "0.05")) is true };
        session.Collectives.FollowsPlans = Number("unplanned", 0) == 0;
        for (int step = 0; step < schedule.Steps.Length; step++)
        {
            rank.Run(step, fault?.Plan(schedule, step) ?? schedule.Steps[step]);
        }

        first += schedule.Steps.Length;
        Console.WriteLine($"rank={me} seed={seed} result={rank.Result:x16}");
    }

    return 0;
}
catch (Exception fault) when (fault is LeanException or InvalidOperationException)
{
    if (me == Number("slow", -1))
    {
        Thread.Sleep(TimeSpan.FromSeconds(0.7));
    }

    // In one write: several ranks share what mpirun prints. And in a file: once a rank has ended mpirun may drop what others print.
    byte[] sentence = Encoding.UTF8.GetBytes($"rank {me} ends: {fault.Message}\n");
    if (folder is not null)
    {
        File.WriteAllBytes(Path.Combine(folder, $"{Environment.ProcessId}.end"), sentence);
    }

    using (Stream error = Console.OpenStandardError())
    {
        error.Write(sentence);
    }

    // MPI may have threads that wait for ranks that are gone.
    Environment.Exit(1);
    return 1;
}
