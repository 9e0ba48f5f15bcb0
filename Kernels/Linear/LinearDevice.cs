using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Linear on a device: prompt rows and generated rows each by their own kernel, whatever their number, and a launch for
/// each range of the weight's rows. Both run on the matrix units where the device has them.
/// </summary>
/// <param name="stream">The device.</param>
/// <param name="prompts">What products of prompt rows on the matrix units take of rows, f32 or bf16.</param>
/// <param name="activations">What all others take.</param>
internal sealed class LinearDevice(KernelStream stream, DType prompts, DType activations) : Linear
{
    private readonly LinearMatrixUnits _units = new(stream, prompts == DType.BF16);
    private readonly RowUnits _rows = new(stream, activations == DType.BF16);

    public LinearDevice(KernelStream stream, DType activations)
        : this(stream, activations, activations)
    {
    }

    // Outputs lie at multiples of 16 bytes, or they do not: kernels differ in that too.
    public override bool SumsAlike(LinearWeight weight, LinearWeight some) =>
        _units.Takes(weight) == _units.Takes(some) && weight.Outputs % 4 == some.Outputs % 4
        && LinearMatrixUnits.IsSliced(weight.Outputs, weight.Inputs) == LinearMatrixUnits.IsSliced(some.Outputs, some.Inputs);

    public override bool TakesTerms(LinearWeight weight) => _units.Takes(weight) && (!LinearMatrixUnits.IsSliced(weight.Outputs, weight.Inputs) || _units.TakesFew(weight));

    public override bool TakesPieces(LinearWeight weight, long rows) =>
        stream.MatrixUnits == MatrixUnits.WarpGroup && weight.Parts.Length == 1 && _rows.Takes(Matrix(weight, weight.Parts[0])) && _rows.Pieces.Takes(rows, Matrix(weight, weight.Parts[0]));

    public override bool LeavesSlices(LinearWeight weight, long rows) => TakesPieces(weight, rows) && _rows.Pieces.LeavesSlices(rows, Matrix(weight, weight.Parts[0]));

    public override bool LeavesRounded(LinearWeight weight, long exact) => _units.LeavesRounded(weight, exact);

    private protected override Tensor LaunchInSlices(Tensor x, Tensor terms, LinearWeight weight)
    {
        Tensor matrix = Matrix(weight, weight.Parts[0]);
        LaunchCheck.That(!terms.IsEmpty || _rows.Takes(x, matrix), "linear", "rows at multiples of 16 bytes");
        return _rows.Pieces.InSlices(x, terms, matrix);
    }

    private protected override void LaunchRounded(Tensor x, Tensor terms, LinearWeight weight, Tensor rounded, Tensor exact) =>
        _units.RunRounded(terms.IsEmpty ? Split(x, weight) : terms, weight, rounded, exact);

    private protected override void Launch(Tensor x, LinearWeight weight, Tensor output, long promptRows) => Launch(x, terms: default, weight, output, promptRows);

    private protected override void Launch(Tensor x, Tensor terms, LinearWeight weight, Tensor output, long promptRows)
    {
        long generated = x.Shape[0] - promptRows;
        if (!terms.IsEmpty && promptRows == 0)
        {
            _rows.Pieces.Run(terms, Matrix(weight, weight.Parts[0]), output);
            return;
        }

        bool onUnits = promptRows > 0 && _units.Takes(weight);
        if (onUnits && !_units.TryFew(x.Rows(0, promptRows), terms, weight, output.Rows(0, promptRows)))
        {
            _units.Run(terms.IsEmpty ? Split(x.Rows(0, promptRows), weight) : terms, weight, output.Rows(0, promptRows));
        }

        if (promptRows > 0 && !onUnits)
        {
            Tensor inputs = Inputs(x.Rows(0, promptRows), weight.Type);
            foreach (LinearWeight.Part part in weight.Parts)
            {
                Prompt(inputs, Matrix(weight, part), output.Columns(part.Column, part.Rows).Rows(0, promptRows));
            }
        }

        if (generated > 0)
        {
            Generated(x.Rows(promptRows, generated), weight, output.Rows(promptRows, generated));
        }
    }

    private Tensor Split(in Tensor x, LinearWeight weight)
    {
        Tensor terms = _units.Terms(stream.Scratch(_units.TermBytes(x.Shape[0], weight.Inputs)).Address, x.Shape[0], weight.Inputs);
        _units.Split(x, terms);
        return terms;
    }

    private static Tensor Matrix(LinearWeight weight, LinearWeight.Part part) => new(weight.Type, new Shape(part.Rows, weight.Inputs), part.Address);

    // What kernels take that do not round themselves.
    private Tensor Inputs(in Tensor x, DType weight) => RoundedActivations.Apply(activations, weight) ? RoundedActivations.Rows(stream, x) : x;

    private void Prompt(Tensor x, Tensor weight, Tensor output)
    {
        if (weight.Type == DType.BF16)
        {
            LinearPromptBf16Launcher.Launch(stream, x, weight, output);
        }
        else
        {
            LinearPromptF32Launcher.Launch(stream, x, weight, output);
        }
    }

    private void Generated(Tensor x, LinearWeight weight, Tensor output)
    {
        // Rounded once, where a part needs it; kernels on the matrix units use the same memory, so those parts come first.
        foreach (LinearWeight.Part part in weight.Parts)
        {
            if (_rows.Takes(x, Matrix(weight, part)))
            {
                _rows.Linear(x, Matrix(weight, part), default, default, output.Columns(part.Column, part.Rows));
            }
        }

        Tensor inputs = default;
        foreach (LinearWeight.Part part in weight.Parts)
        {
            Tensor matrix = Matrix(weight, part), columns = output.Columns(part.Column, part.Rows);
            if (_rows.Takes(x, matrix))
            {
                continue;
            }

            inputs = inputs.IsEmpty ? Inputs(x, weight.Type) : inputs;
            if (weight.Type == DType.BF16)
            {
                LinearGeneratedBf16Launcher.Launch(stream, inputs, matrix, columns);
            }
            else
            {
                LinearGeneratedF32Launcher.Launch(stream, inputs, matrix, columns);
            }
        }
    }
}
