using System.CommandLine;
using Lean.Comm;
using Lean.Engine.Weights;

namespace Lean.Engine.Cli;

/// <summary><c>lean inspect</c>: what a checkpoint is, and whether it is whole.</summary>
internal sealed class InspectCommand
{
    private const int MostRanks = 1024;

    private readonly Argument<string?> _directory = new("DIR")
    {
        Description = "The checkpoint's folder (default: the demo model beside the program)",
        Arity = ArgumentArity.ZeroOrOne,
        CustomParser = static result => result.Tokens.Count > 0 ? result.Tokens[0].Value : null,
    };

    private readonly Option<int> _ranks = Options.Number("--tp", 1, MostRanks, 1, "Also say what each of N tensor-parallel ranks would hold");
    private readonly Option<int> _replicas = Options.Number("--dp", 1, MostRanks, 1, "With --tp: of N replicas of them");
    private readonly Option<bool> _expertParallel = Options.Flag("--ep", "With --tp or --dp: whole experts are placed on ranks instead of being divided");
    private readonly Option<bool> _json = Options.Json("Print one JSON object on one line");

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new ExampleCommand(
            "inspect",
            "Says what a checkpoint is and checks that every tensor the model needs is there and fits, and none is left over",
            "lean inspect DIR",
            "lean inspect DIR --tp 4 --json")
        {
            _directory, _ranks, _replicas, _expertParallel, _json,
        };
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var found = Inspection.Of(ModelFolder.Find(parsed.GetValue(_directory)));
        var layout = new ParallelLayout(parsed.GetValue(_ranks), parsed.GetValue(_replicas), parsed.GetValue(_expertParallel));
        PlacementTotals? placement = layout.Ranks > 1 ? found.Counted.Place(layout) : null;
        if (parsed.GetValue(_json))
        {
            InspectionReport.PrintJson(found, placement);
        }
        else
        {
            InspectionReport.PrintText(found, placement);
        }

        return 0;
    }
}
