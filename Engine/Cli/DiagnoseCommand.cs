using System.CommandLine;
using System.Globalization;
using Lean.Comm;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary><c>lean diagnose DUMP</c>: who is to blame that a run of several ranks stood still, from what their recorders held.</summary>
internal sealed class DiagnoseCommand
{
    private const int MostRecords = 4096;
    private const double Millisecond = 1e-6;

    private readonly Argument<string> _dump = new("DUMP") { Description = "The file that a failed run named" };
    private readonly Option<int> _records = Options.Number("--records", 1, MostRecords, 1, "How many of each rank's last collectives to print");

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new ExampleCommand(
            "diagnose", "Names the rank, the collective, the layer and the step at which a run of several ranks stood still", "lean diagnose /tmp/lean-20260101-120000-4711.ring")
        {
            _dump, _records,
        };
        command.SetAction(parsed => Run(parsed.GetValue(_dump)!, parsed.GetValue(_records)));
        return command;
    }

    private static int Run(string path, int records)
    {
        FlightDump dump = FlightDump.Load(path);
        Console.WriteLine(Clean(Verdict.Of(dump).Sentence));
        Console.WriteLine();
        Console.WriteLine(Clean($"{dump.Created:yyyy-MM-dd HH:mm:ss} UTC, {dump.Layout} by {dump.Transport}, build {dump.Build}"));
        Console.WriteLine(Clean($"collected because {dump.Reason}"));
        Console.WriteLine();
        Console.WriteLine("rank  step   seq  group  collective                               rows of all  width  type   submitted  reached  met  finished");
        foreach (RankReport report in dump.Reports)
        {
            if (report.Records.IsEmpty)
            {
                Console.WriteLine($"{report.Rank,4}  {State(report)}");
            }

            foreach (FlightRecord record in report.Records.Skip(report.Records.Length - records))
            {
                Console.WriteLine(Line(report, record));
            }
        }

        return 0;
    }

    private static string Line(RankReport report, FlightRecord r)
    {
        string times = report.State == RankState.Answered
            ? $"{Ago(report, r.Submitted)}  {Ago(report, r.Reached)}  {Ago(report, r.Started)}  {Ago(report, r.Finished)}"
            : State(report);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{report.Rank,4}  {r.Step,4}  {r.Seq,4}  {FlightText.Group(r),-5}  {FlightText.Use(r),-39}  {r.Rows,4} of {r.TotalRows,-5}  {r.Width,5}  {r.Type.Name(),-5}  {times}");
    }

    private static string State(RankReport report) => report.State switch
    {
        RankState.Answered => "has submitted nothing",
        RankState.Silent => $"silent for {(report.Now * Millisecond).ToString("0", CultureInfo.InvariantCulture)} ms",
        RankState.Gone => "gone",
        RankState.Refused => "refused",
        _ => "never came",
    };

    private static string Ago(RankReport report, long time) =>
        time == 0 ? "never" : $"{((report.Now - time) * Millisecond).ToString("0.0", CultureInfo.InvariantCulture)} ms ago";

    // A dump may come from anywhere, and a terminal obeys control characters.
    private static string Clean(string text) => new([.. text.Select(static c => char.IsControl(c) ? '·' : c)]);
}
