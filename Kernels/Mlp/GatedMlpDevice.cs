using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Dense MLP and shared expert on a device, for each class of rows in two launches: gate and up with silu, then down. Prompt
/// rows run on the matrix units where the device has them; what stands between the products has launches of its own, except on Hopper
/// (<see cref="LinearMatrixUnits.TryGateUp"/>).
/// </summary>
internal sealed class GatedMlpDevice(KernelStream stream, DType activations) : GatedMlp
{
    // What a thread takes at once where rows lie well (ActivationTermsWide in Kernels/Device); every number comes out alike.
    private const long Eight = 8;
    private const long Four = 4;
    private const long Alignment = 64;

    private readonly RowUnits _rows = new(stream, activations == DType.BF16);
    private readonly LinearMatrixUnits _units = new(stream, activations == DType.BF16);

    public override bool TakesTerms(LinearWeight gateUp, LinearWeight down) => _units.Takes(gateUp) && _units.Takes(down);

    private protected override void Launch(
        Tensor x, LinearWeight gateUp, LinearWeight down, Tensor gateLogit, Tensor add, Tensor scratch, Tensor output, long promptRows) =>
        Launch(x, terms: default, gateUp, down, gateLogit, add, scratch, output, promptRows);

    private protected override void Launch(
        Tensor x, Tensor terms, LinearWeight gateUp, LinearWeight down, Tensor gateLogit, Tensor add, Tensor scratch, Tensor output, long promptRows)
    {
        long rows = x.Shape[0], generated = rows - promptRows, width = down.Inputs;
        Tensor gate = gateUp.Rows(0, width), up = gateUp.Rows(width, width);
        var inner = new Tensor(DType.F32, new Shape(rows, width), scratch.Address);
        if (promptRows > 0 && TakesTerms(gateUp, down))
        {
            OnUnits(
                x.Rows(0, promptRows), terms, gateUp, down, Cut(gateLogit, 0, promptRows), Cut(add, 0, promptRows),
                new Tensor(DType.F32, new Shape(promptRows, 2 * width), scratch.Address), output.Rows(0, promptRows));
        }
        else if (promptRows > 0)
        {
            Tensor mine = inner.Rows(0, promptRows);
            PromptGateUp(Inputs(x.Rows(0, promptRows), gate.Type), gate, up, mine);
            RoundInner(mine, down.Type);
            foreach (LinearWeight.Part part in down.Parts)
            {
                PromptDown(
                    mine, down.Rows(part.Column, part.Rows), Cut(gateLogit, 0, promptRows),
                    Cut(add, 0, promptRows, part), Cut(output, 0, promptRows, part));
            }
        }

        if (generated > 0 && gateLogit.IsEmpty && add.IsEmpty && _rows.TakesPieces(x.Rows(promptRows, generated), gate, up, down))
        {
            // Whole tiles of rows have room where each row has two halves.
            Tensor mine = _rows.Pieces.Of(scratch.Rows(promptRows, generated).Address, generated, width);
            _rows.Pieces.GateUp(x.Rows(promptRows, generated), gate, up, mine);
            foreach (LinearWeight.Part part in down.Parts)
            {
                _rows.Pieces.Run(mine, down.Rows(part.Column, part.Rows), Cut(output, promptRows, generated, part));
            }
        }
        else if (generated > 0)
        {
            Tensor mine = inner.Rows(promptRows, generated);
            GeneratedGateUp(x.Rows(promptRows, generated), gate, up, mine);
            if (!AreOnUnits(mine, down))
            {
                RoundInner(mine, down.Type);
            }

            foreach (LinearWeight.Part part in down.Parts)
            {
                GeneratedDown(
                    mine, down.Rows(part.Column, part.Rows), Cut(gateLogit, promptRows, generated),
                    Cut(add, promptRows, generated, part), Cut(output, promptRows, generated, part));
            }
        }
    }

    private void OnUnits(Tensor x, Tensor terms, LinearWeight gateUp, LinearWeight down, Tensor gateLogit, Tensor add, Tensor products, Tensor output)
    {
        // The place of x's terms is that of the product too.
        long rows = x.Shape[0], bytes = (long.Max(_units.TermBytes(rows, gateUp.Inputs), output.Bytes) + Alignment - 1) / Alignment * Alignment;
        nint memory = stream.Scratch(bytes + _units.TermBytes(rows, down.Inputs)).Address;
        Tensor inner = _units.Terms(memory + (nint)bytes, rows, down.Inputs);
        if (terms.IsEmpty)
        {
            terms = _units.Terms(memory, rows, gateUp.Inputs);
            _units.Split(x, terms);
        }

        if (!_units.TryGateUp(terms, gateUp.Rows(0, down.Inputs), gateUp.Rows(down.Inputs, down.Inputs), inner))
        {
            _units.Run(terms, gateUp, products);
            InnerTerms(products, inner, isWide: down.Inputs % Eight == 0 && IsAligned(products));
        }

        if (gateLogit.IsEmpty && add.IsEmpty)
        {
            _units.Run(inner, down, output);
            return;
        }

        if (!gateLogit.IsEmpty && !add.IsEmpty && _units.TryAdd(inner, down, gateLogit, add, output))
        {
            return;
        }

        // What is added may be what is written, so the product has a place of its own: that of x's terms.
        var product = new Tensor(DType.F32, output.Shape, memory);
        _units.Run(inner, down, product);
        if (!gateLogit.IsEmpty && !add.IsEmpty && output.Shape[1] % Four == 0 && IsAligned(product) && IsAligned(add) && IsAligned(output))
        {
            MlpCombineWideLauncher.Launch(stream, product, gateLogit, add, output);
        }
        else
        {
            MlpCombineLauncher.Launch(stream, product, gateLogit, add, output);
        }
    }

    // What kernels take that do not round themselves, here and below.
    private Tensor Inputs(in Tensor x, DType weight) => RoundedActivations.Apply(activations, weight) ? RoundedActivations.Rows(stream, x) : x;

    private void RoundInner(in Tensor inner, DType weight)
    {
        if (RoundedActivations.Apply(activations, weight))
        {
            RoundRowsLauncher.Launch(stream, inner, inner);
        }
    }

    private void InnerTerms(in Tensor products, in Tensor inner, bool isWide)
    {
        switch (isWide, activations == DType.BF16)
        {
            case (true, false):
                MlpTermsWideLauncher.Launch(stream, products, inner);
                break;
            case (true, true):
                MlpTermsWideRoundedLauncher.Launch(stream, products, inner);
                break;
            case (false, false):
                MlpTermsLauncher.Launch(stream, products, LinearMatrixUnits.Pairs(inner));
                break;
            default:
                MlpTermsRoundedLauncher.Launch(stream, products, LinearMatrixUnits.Pairs(inner));
                break;
        }
    }

    private bool AreOnUnits(in Tensor inner, LinearWeight down)
    {
        bool all = true;
        foreach (LinearWeight.Part part in down.Parts)
        {
            all &= _rows.Takes(inner, down.Rows(part.Column, part.Rows));
        }

        return all;
    }

    private void PromptGateUp(Tensor x, Tensor gate, Tensor up, Tensor inner)
    {
        if (gate.Type == DType.BF16)
        {
            MlpGateUpPromptBf16Launcher.Launch(stream, x, gate, up, inner);
        }
        else
        {
            MlpGateUpPromptF32Launcher.Launch(stream, x, gate, up, inner);
        }
    }

    private void PromptDown(Tensor inner, Tensor down, Tensor gateLogit, Tensor add, Tensor output)
    {
        if (down.Type == DType.BF16)
        {
            MlpDownPromptBf16Launcher.Launch(stream, inner, down, gateLogit, add, output);
        }
        else
        {
            MlpDownPromptF32Launcher.Launch(stream, inner, down, gateLogit, add, output);
        }
    }

    private void GeneratedGateUp(Tensor x, Tensor gate, Tensor up, Tensor inner)
    {
        if (_rows.Takes(x, gate) && _rows.Takes(x, up))
        {
            _rows.GateUp(x, gate, up, inner);
        }
        else if (gate.Type == DType.BF16)
        {
            MlpGateUpGeneratedBf16Launcher.Launch(stream, Inputs(x, gate.Type), gate, up, inner);
        }
        else
        {
            MlpGateUpGeneratedF32Launcher.Launch(stream, x, gate, up, inner);
        }
    }

    private void GeneratedDown(Tensor inner, Tensor down, Tensor gateLogit, Tensor add, Tensor output)
    {
        if (_rows.Takes(inner, down))
        {
            _rows.Linear(inner, down, gateLogit, add, output);
        }
        else if (down.Type == DType.BF16)
        {
            MlpDownGeneratedBf16Launcher.Launch(stream, inner, down, gateLogit, add, output);
        }
        else
        {
            MlpDownGeneratedF32Launcher.Launch(stream, inner, down, gateLogit, add, output);
        }
    }

    private static Tensor Cut(Tensor tensor, long first, long count) => tensor.IsEmpty ? default : tensor.Rows(first, count);

    private static Tensor Cut(Tensor tensor, long first, long count, LinearWeight.Part part) =>
        tensor.IsEmpty ? default : tensor.Rows(first, count).Columns(part.Column, part.Rows);

    private static bool IsAligned(in Tensor rows) => rows.Address % 16 == 0 && rows.RowStride % Four == 0;
}
